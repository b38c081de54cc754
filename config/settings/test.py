"""The test run: fixed secrets, fast password hashes, everything else as deployed."""

import os

os.environ.setdefault("SECRET_KEY", "test-secret-key-that-never-leaves-the-test-run")
os.environ.setdefault("BLIND_INDEX_KEY", "test-blind-index-key-of-the-test-run-only")
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "test:" + "dGVzdC1rZXktb2YtZXhhY3RseS0zMi1ieXRlcy1sb24=")
os.environ.update(SHOP_CURRENCY="CNY", SHOP_TIME_ZONE="Asia/Shanghai", SHOP_LANGUAGE="en", SHOP_NAME="Quan")
os.environ["DEMO_CHECKOUT"] = "true"

from config.settings.base import *  # noqa: F403
from config.settings.base import STORAGES

ALLOWED_HOSTS = ["*"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
# Sign-in of many test people from one address must not lock anybody out, except where a test asks for it.
AXES_ENABLED = False
LOG_LEVEL = "WARNING"
