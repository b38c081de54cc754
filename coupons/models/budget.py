from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from config.kernel.append_only import AppendOnlyModel
from config.kernel.money import MoneyField
from coupons.enums import BudgetEntryKind


class Budget(models.Model):
    """A cap on the money that coupons may discount: of one coupon, or of all that share it, such as a campaign's.

    `spent` is debited by one conditional update when an order is redeemed and credited when it is refunded; it is
    the sum of the budget's entries.
    """

    name = models.CharField(_("name"), max_length=80, unique=True)
    cap = MoneyField(_("cap"))
    spent = MoneyField(_("spent"), default=0, editable=False)

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.CheckConstraint(
                condition=Q(spent__gte=0, spent__lte=F("cap")),
                name="coupons_budget_held",
                violation_error_message=_("The cap lies below what is spent already."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def left(self) -> int:
        """What may still be discounted, in minor units."""
        return self.cap - self.spent


class BudgetEntry(AppendOnlyModel):
    """One movement of a budget: positive when spent, negative when given back."""

    budget = models.ForeignKey(Budget, verbose_name=_("budget"), on_delete=models.PROTECT, related_name="entries")
    redemption = models.ForeignKey(
        "coupons.Redemption", verbose_name=_("redemption"), on_delete=models.PROTECT, related_name="budget_entries"
    )
    kind = models.CharField(_("kind"), max_length=12, choices=BudgetEntryKind)
    amount = MoneyField(_("amount"))
    created_at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("budget entry")
        verbose_name_plural = _("budget entries")
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=BudgetEntryKind.SPENT, amount__gte=0)
                | Q(kind=BudgetEntryKind.RETURNED, amount__lte=0),
                name="coupons_budget_entry_sign",
            )
        ]

    def __str__(self) -> str:
        return f"{self.budget}: {self.amount:+}"
