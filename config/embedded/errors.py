"""What can go wrong while real servers are brought up."""

OWN_SERVERS_HINT = (
    "Set DATABASE_URL and REDIS_URL to servers of your own instead "
    "(DATABASE_URL=sqlite:///quan.sqlite3 is the last resort)."
)


class EmbeddedError(Exception):
    """A failure the person at the keyboard can act on; its text is one or two complete sentences."""


class InterruptedStartError(Exception):
    """A signal asked the launcher to stop before its command was running.

    Attributes:
        signal_number: the signal that arrived.
    """

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}")
        self.signal_number = signal_number
