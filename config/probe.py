"""Asks a health address from inside the container: `python -m config.probe http://127.0.0.1:8000/healthz`."""

import os
import sys
import urllib.error
import urllib.request

SECONDS = 2
HEALTHY, UNHEALTHY = 0, 1


def probe(address: str) -> int:
    """Return the exit status for an address: 0 when it answers 200.

    The request names a host that the settings allow, so that `ALLOWED_HOSTS` need not list the loopback address.

    Args:
        address: an http address.
    """
    first_host = os.environ.get("ALLOWED_HOSTS", "").split(",")[0].strip(" .*") or "127.0.0.1"
    request = urllib.request.Request(address, headers={"Host": first_host})  # noqa: S310 - the image's own address
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as response:  # noqa: S310 - as above
            return HEALTHY if response.status == 200 else UNHEALTHY
    except (urllib.error.URLError, OSError):
        return UNHEALTHY


if __name__ == "__main__":
    sys.exit(probe(sys.argv[1]))
