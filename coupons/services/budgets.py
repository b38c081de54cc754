"""Money that coupons may discount: never more than the cap, however many orders are paid at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from coupons.enums import BudgetEntryKind
from coupons.errors import BudgetExhausted
from coupons.models import Budget, BudgetEntry, Claim, Coupon, Redemption


@dataclass(frozen=True, slots=True)
class BudgetsSeen:
    """What the budgets of some coupons can still pay, by a look without a lock.

    A shopper hears early by it; what is paid is decided by `budgets_debit`.
    """

    _budgets_of: Mapping[int, Sequence[Budget]]

    @classmethod
    def of(cls, coupons: Iterable[Coupon]) -> BudgetsSeen:
        """Looks at the budgets of coupons; one query."""
        return cls(_budgets_of({coupon.pk for coupon in coupons}))

    def cannot_pay(self, uses: Sequence[tuple[Coupon, int]]) -> list[int]:
        """Returns the positions of the uses that their coupons' budgets cannot pay beside those before them.

        Args:
            uses: coupons, each with what it takes off in minor units.
        """
        left = {budget.pk: budget.left for budgets in self._budgets_of.values() for budget in budgets}
        beyond = []
        for position, (coupon, amount) in enumerate(uses):
            budgets = self._budgets_of.get(coupon.pk, ())
            if any(left[budget.pk] < amount for budget in budgets):
                beyond.append(position)
                continue
            for budget in budgets:
                left[budget.pk] -= amount
        return beyond


def budgets_debit(*, redemptions: Sequence[Redemption], now: datetime) -> None:
    """Spends what redemptions take off from every budget of their coupons, all or nothing.

    Call it last in the transaction that writes the redemptions: the rows are wanted by every order. They are
    taken in the order of their keys, each by one conditional update.

    Raises:
        BudgetExhausted: a budget has less left; names a coupon that needs it.
    """
    budgets_of = _budgets_of({redemption.coupon_id for redemption in redemptions})
    spending: dict[int, list[Redemption]] = {}
    for redemption in redemptions:
        for budget in budgets_of.get(redemption.coupon_id, []):
            spending.setdefault(budget.pk, []).append(redemption)
    for budget_id in sorted(spending):
        amount = sum(redemption.amount for redemption in spending[budget_id])
        if not _spend(budget_id, amount):
            last = spending[budget_id][-1]
            raise exhausted(last.coupon, last.claim)
    _write_entries(
        ((budget_id, each.pk, each.amount) for budget_id, paid in spending.items() for each in paid),
        BudgetEntryKind.SPENT,
        now,
    )


def budgets_credit(*, returned: Mapping[int, int], now: datetime) -> None:
    """Gives money back to the budgets that paid it, whatever budgets the coupons have by now.

    Args:
        returned: what was given back in minor units, by the primary key of its redemption.
    """
    paid = BudgetEntry.objects.filter(redemption__in=returned, kind=BudgetEntryKind.SPENT)
    debits = sorted(paid.values_list("budget_id", "redemption_id"))
    amounts: dict[int, int] = {}
    for budget_id, redemption_id in debits:
        amounts[budget_id] = amounts.get(budget_id, 0) + returned[redemption_id]
    for budget_id, amount in amounts.items():
        Budget.objects.filter(pk=budget_id).update(spent=F("spent") - amount)
    _write_entries(
        ((budget_id, redemption_id, -returned[redemption_id]) for budget_id, redemption_id in debits),
        BudgetEntryKind.RETURNED,
        now,
    )


def exhausted(coupon: Coupon, claim: Claim | None) -> BudgetExhausted:
    """Returns the refusal that names a coupon, and the claim where a shopper holds one."""
    data = {"coupon": str(coupon.public_id)}
    if claim is not None:
        data["claim"] = str(claim.public_id)
    return BudgetExhausted(**data)


def _spend(budget_id: int, amount: int) -> bool:
    affordable = Budget.objects.filter(pk=budget_id, spent__lte=F("cap") - amount)
    return bool(affordable.update(spent=F("spent") + amount))


def _budgets_of(coupon_ids: Iterable[int]) -> dict[int, list[Budget]]:
    budgets: dict[int, list[Budget]] = {}
    links = Coupon.budgets.through.objects.filter(coupon__in=coupon_ids).select_related("budget")
    for link in links.order_by("budget"):
        budgets.setdefault(link.coupon_id, []).append(link.budget)
    return budgets


def _write_entries(movements: Iterable[tuple[int, int, int]], kind: BudgetEntryKind, now: datetime) -> None:
    BudgetEntry.objects.bulk_create(
        BudgetEntry(budget_id=budget_id, redemption_id=redemption_id, kind=kind, amount=amount, created_at=now)
        for budget_id, redemption_id, amount in movements
        if amount
    )
