from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from config.kernel.ids import uuid7
from config.kernel.money import MoneyField
from coupons.models.order import Order, OrderLine


class Refund(AppendOnlyModel):
    """Money given back on an order, for some of its units or for all. Sums never pass what was paid."""

    public_id = models.UUIDField(_("public id"), default=uuid7, unique=True, editable=False)
    order = models.ForeignKey(Order, verbose_name=_("order"), on_delete=models.PROTECT, related_name="refunds")
    amount = MoneyField(_("amount"))
    # Shipping that was paid goes back only with the last unit.
    shipping = MoneyField(_("of which shipping"), default=0)
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("refund")
        verbose_name_plural = _("refunds")
        ordering = ["id"]
        constraints = [models.CheckConstraint(condition=Q(amount__gte=0, shipping__gte=0), name="coupons_refund_sign")]

    def __str__(self) -> str:
        return f"{self.order}: {self.amount}"


class RefundLine(AppendOnlyModel):
    """The units of one order line that a refund took back, and the money for them."""

    refund = models.ForeignKey(Refund, on_delete=models.PROTECT, related_name="lines")
    line = models.ForeignKey(OrderLine, on_delete=models.PROTECT, related_name="refund_lines")
    quantity = models.PositiveIntegerField(_("quantity"))
    amount = MoneyField(_("amount"))

    class Meta:
        verbose_name = _("refunded line")
        verbose_name_plural = _("refunded lines")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=0, amount__gte=0), name="coupons_refund_line_sign")
        ]

    def __str__(self) -> str:
        return f"{self.line} ({self.quantity})"
