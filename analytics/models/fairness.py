from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _


class FairnessSnapshot(models.Model):
    """How fairly discounts were spread, night by night: one row a shop day, over the days before it.

    `alarms` names what was too uneven, as `analytics.services.fairness` writes it; empty when all was well.
    """

    day = models.DateField(_("day"), unique=True)
    first = models.DateField(_("from"))
    last = models.DateField(_("until"))
    shoppers = models.PositiveIntegerField(_("shoppers"))
    gini = models.FloatField(_("Gini coefficient"), null=True)
    alarms = models.JSONField(_("alarms"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"))

    class Meta:
        verbose_name = _("fairness, night by night")
        verbose_name_plural = _("fairness, night by night")
        ordering = ["-day"]
        constraints = [
            models.CheckConstraint(condition=Q(last__gte=F("first")), name="analytics_fairness_window"),
            models.CheckConstraint(
                condition=Q(gini=None) | Q(gini__gte=0, gini__lte=1), name="analytics_fairness_gini"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day}"
