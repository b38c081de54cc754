"""As deployed, for processes that a test kills; letters go to the mail server that the test runs, if any."""

from benchmarks.settings import *  # noqa: F403
from config.env import email

ROOT_URLCONF = "config.urls"
vars().update(email("FAULTS_EMAIL_URL", default="dummymail://"))
