from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Job(TextChoices):
    """What a nightly run learns."""

    SEGMENTATION = "segmentation", _("Segmentation")


class RunState(TextChoices):
    RUNNING = "running", _("Running")
    PUBLISHED = "published", _("Published")
    SKIPPED = "skipped", _("Skipped")
    FAILED = "failed", _("Failed")
