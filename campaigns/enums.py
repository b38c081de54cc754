from __future__ import annotations

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class CampaignKind(TextChoices):
    """How a campaign hands out its coupons."""

    DROP = "drop", _("Drop")


class CampaignStatus(TextChoices):
    """What a marketer decided; the window says the rest."""

    DRAFT = "draft", _("Draft")
    PUBLISHED = "published", _("Published")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class MessageChannel(TextChoices):
    EMAIL = "email", _("E-mail")
    IN_APP = "in_app", _("In-app")


class MessageTopic(TextChoices):
    """What a message is about; each topic has its templates."""

    EXPIRY_REMINDER = "expiry_reminder", _("Coupon expires soon")
    WAITING_GRANTED = "waiting_granted", _("Got one from the waiting list")
    LOW_STOCK = "low_stock", _("Stock is low")
    FAIRNESS = "fairness", _("Discounts are spread unevenly")


class MessageState(TextChoices):
    """Where a message stands: an in-app one is delivered when it is written."""

    PENDING = "pending", _("Waiting")
    SENDING = "sending", _("Being sent")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Given up")
    CANCELLED = "cancelled", _("No longer needed")


class GrantState(TextChoices):
    """Where a grant stands; it is open while it waits or runs."""

    DRAFT = "draft", _("Draft")
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    STOPPED = "stopped", _("Stopped")
    DONE = "done", _("Done")
    CANCELLED = "cancelled", _("Cancelled")
