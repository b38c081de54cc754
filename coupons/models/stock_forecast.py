from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models.coupon import Coupon

# Older than this, last night's run has failed and its numbers speak of another day.
HOLDS_FOR = timedelta(hours=36)


class StockForecast(models.Model):
    """What the nightly run expects of a coupon; made anew each night for live ones with a limit of stock or money.

    Days begin with the day on which it was made. `claims_past` and `claims_ahead` hold one number a day, the past ones
    ending with the day before. `batches` are suggested release batches: `{"opens_at": ISO moment, "quantity": n}`.
    """

    coupon = models.OneToOneField(Coupon, on_delete=models.CASCADE, related_name="stock_forecast", primary_key=True)
    made_at = models.DateTimeField(_("made"))
    claims_past = models.JSONField(default=list)
    claims_ahead = models.JSONField(default=list)
    # Claims a day and uses over the next seven days, as far as the stock reaches.
    claims_a_day = models.FloatField(_("claims a day"))
    redemptions_a_week = models.FloatField(_("uses in the next seven days"))
    # Of the claims held now, how many will be used within the days ahead.
    uses_of_held = models.FloatField(_("uses of the claims held now"), null=True, blank=True)
    # None when the stock lasts as long as is looked ahead.
    days_of_cover = models.FloatField(_("days of cover"), null=True, blank=True)
    runs_out_at = models.DateTimeField(_("runs out"), null=True, blank=True)
    # The first of its budgets to end, its campaign's among them; None when all last as long as is looked ahead.
    budget_days = models.FloatField(_("days the budget lasts"), null=True, blank=True)
    budget_ends_at = models.DateTimeField(_("budget ends"), null=True, blank=True)
    top_up = models.PositiveBigIntegerField(_("suggested top-up"), default=0)
    batches = models.JSONField(_("suggested release batches"), default=list, blank=True)

    class Meta:
        verbose_name = _("stock forecast")
        verbose_name_plural = _("stock forecasts")
        constraints = [
            models.CheckConstraint(
                condition=Q(claims_a_day__gte=0, redemptions_a_week__gte=0), name="coupons_forecast_sign"
            ),
            models.CheckConstraint(
                condition=Q(days_of_cover=None, runs_out_at=None) | Q(days_of_cover__gte=0, runs_out_at__isnull=False),
                name="coupons_forecast_end",
            ),
            models.CheckConstraint(
                condition=Q(budget_days=None, budget_ends_at=None)
                | Q(budget_days__gte=0, budget_ends_at__isnull=False),
                name="coupons_forecast_budget",
            ),
        ]
        indexes = [models.Index(fields=["runs_out_at"], name="coupons_forecast_runs_out")]

    def __str__(self) -> str:
        return f"{self.coupon}: {self.days_of_cover}"

    def holds(self, now: datetime) -> bool:
        """Whether it is young enough to act on."""
        return now - self.made_at < HOLDS_FOR
