from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaigns.enums import MessageChannel


class ContactPlan(models.Model):
    """When and how one shopper is best reached, as the nightly run sees it, with the reasons.

    `hour` is on the shop's clock. `is_triggered` says that the shopper is near to buying while a campaign runs: what
    would wait for the hour goes out at once then.
    """

    shopper = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("shopper"),
        on_delete=models.CASCADE,
        primary_key=True,
        related_name="contact_plan",
    )
    hour = models.PositiveSmallIntegerField(_("best hour"))
    channel = models.CharField(_("best channel"), max_length=12, choices=MessageChannel)
    trigger_score = models.FloatField(_("trigger score"))
    is_triggered = models.BooleanField(_("near to buying"))
    # Figures behind the decision, for a person who asks why.
    reasons = models.JSONField(_("reasons"), default=dict)
    computed_at = models.DateTimeField(_("computed"))

    class Meta:
        verbose_name = _("contact plan")
        verbose_name_plural = _("contact plans")
        constraints = [
            models.CheckConstraint(condition=Q(hour__lte=23), name="campaigns_contact_plan_hour"),
            models.CheckConstraint(
                condition=Q(channel__in=MessageChannel.values), name="campaigns_contact_plan_channel"
            ),
            models.CheckConstraint(
                condition=Q(trigger_score__gte=0, trigger_score__lte=1), name="campaigns_contact_plan_score"
            ),
        ]
        indexes = [models.Index(fields=["computed_at"], name="campaigns_contact_plan_time")]

    def __str__(self) -> str:
        return f"{self.shopper_id}: {self.hour}:00, {self.channel}"
