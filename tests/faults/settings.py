"""As deployed, for processes that a test kills; letters go to the mail server that the test runs, if any."""

from benchmarks.settings import *  # noqa: F403
from config.env import email

# Error pages name static files, which nobody has collected here.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}  # noqa: F405
ROOT_URLCONF = "config.urls"
vars().update(email("FAULTS_EMAIL_URL", default="dummymail://"))
