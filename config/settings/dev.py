"""The demo and a developer's shell."""

from config.env import BASE_DIR, boolean, env
from config.settings.base import *  # noqa: F403
from config.settings.base import STORAGES

DEBUG = boolean("DEBUG", default=False)
# A fresh clone has nothing collected yet; file names need no hash on one machine.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
# E-mail goes to files that a person can open.
EMAIL_BACKEND = env.str("EMAIL_BACKEND", default="django.core.mail.backends.filebased.EmailBackend")
# The codes of the demo stand in its log, so that a phone can be tried without a gateway.
ONE_TIME_CODES_IN_LOG = True
EMAIL_FILE_PATH = BASE_DIR / "var" / "mail"
