"""The test run: fixed secrets, fast password hashes, everything else as deployed."""

import os
from urllib.parse import urlsplit, urlunsplit

os.environ.setdefault("SECRET_KEY", "test-secret-key-that-never-leaves-the-test-run")
os.environ.setdefault("BLIND_INDEX_KEY", "test-blind-index-key-of-the-test-run-only")
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "test:" + "dGVzdC1rZXktb2YtZXhhY3RseS0zMi1ieXRlcy1sb24=")
os.environ.update(SHOP_CURRENCY="CNY", SHOP_TIME_ZONE="Asia/Shanghai", SHOP_LANGUAGE="en", SHOP_NAME="Quan")
os.environ["DEMO_CHECKOUT"] = "true"
os.environ.setdefault("LOG_LEVEL", "WARNING")

# Each parallel test worker has a Redis database of its own, as it has a PostgreSQL database of its own. This
# stands here because pytest-django loads the settings before any conftest.py.
_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker.startswith("gw") and os.environ.get("REDIS_URL"):
    os.environ["REDIS_URL"] = urlunsplit(
        urlsplit(os.environ["REDIS_URL"])._replace(path=f"/{int(_worker.removeprefix('gw')) + 1}")
    )

# After the environment is complete.
from config.settings.base import *  # noqa: E402, F403
from config.settings.base import STORAGES  # noqa: E402

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Sign-in of many test people from one address must not lock anybody out, except where a test asks for it.
AXES_ENABLED = False
