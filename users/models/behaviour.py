from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from config.kernel.money import MoneyField
from users.enums import BehaviourKind


class BehaviourEvent(AppendOnlyModel):
    """One thing a shopper did, once: the sender's own event id makes a second delivery a no-op."""

    sender = models.CharField(_("sender"), max_length=40)
    event_id = models.CharField(_("event id"), max_length=64)
    shopper = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("shopper"),
        on_delete=models.PROTECT,
        related_name="behaviour_events",
        db_index=False,
    )
    kind = models.CharField(_("kind"), max_length=16, choices=BehaviourKind)
    # Names in place of foreign keys: the catalogue and the coupons live in the app above.
    product_sku = models.CharField(_("product"), max_length=64, blank=True)
    coupon_public_id = models.UUIDField(_("coupon"), null=True, blank=True)
    value = MoneyField(_("value"), null=True, blank=True)
    data = models.JSONField(_("details"), default=dict, blank=True)
    occurred_at = models.DateTimeField(_("occurred"))
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("behaviour event")
        verbose_name_plural = _("behaviour events")
        constraints = [
            models.UniqueConstraint(fields=["sender", "event_id"], name="users_event_once"),
            models.CheckConstraint(condition=models.Q(kind__in=BehaviourKind.values), name="users_event_kind"),
        ]
        indexes = [
            models.Index(fields=["shopper", "occurred_at"], name="users_event_shopper_time"),
            models.Index(fields=["kind", "occurred_at"], name="users_event_kind_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"
