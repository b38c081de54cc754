"""Asks a health address from inside the container: `python -m config.probe /healthz`."""

import http.client
import os
import sys

SECONDS = 2
HEALTHY, UNHEALTHY = 0, 1


def probe(path: str, *, port: int = 8000) -> int:
    """Return the exit status for a path of the local web process: 0 when it answers 200.

    The request names a host that the settings allow, so that `ALLOWED_HOSTS` need not list the loopback address.

    Args:
        path: for example `/healthz`.
        port: where the web process listens.
    """
    first_host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip(" .*") or "127.0.0.1"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", path, headers={"Host": first_host})
        return HEALTHY if connection.getresponse().status == 200 else UNHEALTHY
    except (OSError, http.client.HTTPException):
        return UNHEALTHY
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1]))
