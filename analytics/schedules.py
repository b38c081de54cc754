"""When this app's jobs run."""

SCHEDULE: dict[str, dict[str, object]] = {}
