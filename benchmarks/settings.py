"""Production settings with keys that live no longer than the run, over plain HTTP on this machine."""

import base64
import os
import secrets

# The server process inherits what the command has set.
os.environ.setdefault("SECRET_KEY", secrets.token_urlsafe(48))
os.environ.setdefault("BLIND_INDEX_KEY", secrets.token_urlsafe(48))
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "run:" + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
os.environ.update(SHOP_URL="http://127.0.0.1", EMAIL_URL="dummymail://")
os.environ.update(SECURE_SSL_REDIRECT="false", LOG_FORMAT="json", ALLOWED_HOSTS="127.0.0.1", SHOP_LANGUAGE="en")
# One client of the load stands for thousands: the rates are counted as in a shop, and reached by nobody.
os.environ.update(
    {f"{rate}_PER_{who}": "60000000" for rate in ("CALLS", "CLAIMS") for who in ("KEY", "SHOPPER", "ADDRESS")}
)

# After the environment is complete.
from config.settings.production import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
