from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from coupons.models.coupon import Coupon


class StockPolicy(models.Model):
    """What happens by itself when a coupon's stock runs low.

    Below `low_below` the operators are told, once until it rises again; `is_low` remembers that. Then the reserve
    opens by `open_reserve` and, once the reserve is used up, the stock grows by `top_up`, at most
    `top_ups_a_day` times a shop day. `stop_when_sold_out` ends the coupon when nothing more can come.

    The nightly forecast adds two things. Operators are told when the stock is expected to run out within `warn_days`,
    once until it is not any more; `is_short` remembers that. With `follows_forecast` a top-up is what the forecast
    suggests, `top_up` at the most, and nothing where it suggests nothing.
    """

    coupon = models.OneToOneField(Coupon, on_delete=models.CASCADE, related_name="stock_policy", primary_key=True)
    low_below = models.PositiveIntegerField(_("low below"))
    open_reserve = models.PositiveIntegerField(_("open so many of the reserve"), default=0)
    top_up = models.PositiveIntegerField(_("top up by"), default=0)
    top_ups_a_day = models.PositiveSmallIntegerField(_("top-ups a day"), default=0)
    stop_when_sold_out = models.BooleanField(_("end when sold out"), default=False)
    warn_days = models.PositiveSmallIntegerField(
        _("warn so many days before"),
        default=2,
        help_text=_("When the nightly forecast expects the stock to run out within so many days; 0 for never."),
    )
    follows_forecast = models.BooleanField(
        _("top up by the forecast"),
        default=False,
        help_text=_("Adds what the nightly forecast suggests, at most the quantity above each time."),
    )
    is_low = models.BooleanField(default=False, editable=False)
    is_short = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("stock policy")
        verbose_name_plural = _("stock policies")
        constraints = [
            models.CheckConstraint(condition=Q(low_below__gte=1), name="coupons_policy_low"),
            models.CheckConstraint(
                condition=Q(top_up=0, top_ups_a_day=0) | Q(top_up__gt=0, top_ups_a_day__gt=0),
                name="coupons_policy_top_up",
                violation_error_message=_("A top-up needs a quantity and how often a day."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.coupon}: < {self.low_below}"
