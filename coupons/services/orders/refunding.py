"""Giving money back on a paid order: for some units, or for everything with its claims and budgets."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from config.kernel.errors import Invalid
from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState, OrderState, RedemptionEntryKind
from coupons.errors import TooManyReturned
from coupons.models import Claim, Order, OrderLine, Redemption, RedemptionEntry, Refund, RefundLine
from coupons.pricing.allocation import allocate
from coupons.services.budgets import budgets_credit
from coupons.services.claim_states import claims_move
from coupons.services.orders.returns import NOTHING_KEPT, Kept, price_kept, shipping_paid
from coupons.services.orders.rows import take_claims_on, take_order


def order_refund(*, order: Order, lines: Sequence[tuple[int, int]] | None = None, now: datetime) -> Order:
    """Takes units of a paid order back and refunds what its coupons' refund policies say; see `docs/pricing.md`.

    With the last unit the order is refunded in full: all that was paid has gone back, shipping included, and every
    claim is available again, exactly once. One whose time ran out meanwhile stays usable for
    `CLAIM_GRACE_EXTENSION` from now. Refunds never add up to more than was paid.

    Args:
        lines: numbers of lines, each with how many units come back; None for everything left.

    Raises:
        WrongOrderState: it is not paid, or was refunded in full before.
        TooManyReturned: a line has fewer units left.
        Invalid: a line does not exist or is named twice, or nothing is returned.
    """
    with busy_when_locked(), transaction.atomic():
        order = take_order(order, OrderState.REDEEMED)
        claims = take_claims_on(order, ClaimState.REDEEMED)
        known = list(order.lines.prefetch_related("discounts").order_by("number"))
        back = _returned_now(known, lines)
        for line in known:
            line.returned += back.get(line.number, 0)
        kept = NOTHING_KEPT if lines is None else price_kept(order, known, claims)
        _write_refund(order, known, back, kept, now)
        returned = _write_back_discounts(order, kept, now)
        if kept == NOTHING_KEPT:
            order.state = OrderState.REFUNDED
            order.closed_at = now
            _give_back(order, claims, now)
        order.save(update_fields=["state", "refunded", "closed_at"])
        budgets_credit(returned=returned, now=now)
        return order


def _returned_now(lines: Sequence[OrderLine], asked: Sequence[tuple[int, int]] | None) -> dict[int, int]:
    """How many units of which line come back."""
    left = {line.number: line.left for line in lines}
    if asked is None:
        return left
    if not asked:
        raise Invalid(parameter="lines")
    back: dict[int, int] = {}
    for place, (number, quantity) in enumerate(asked):
        if number not in left or number in back:
            raise Invalid(parameter=f"lines[{place}].number")
        if quantity < 1:
            raise Invalid(parameter=f"lines[{place}].quantity")
        if quantity > left[number]:
            raise TooManyReturned(parameter=f"lines[{place}].quantity", number=number, returnable=left[number])
        back[number] = quantity
    return back


def _write_refund(order: Order, lines: Sequence[OrderLine], back: dict[int, int], kept: Kept, now: datetime) -> None:
    """Writes the refund: what was paid, less what the kept units cost and what was refunded before.

    A line whose units are dearer than when they were bought, since a discount was withdrawn, lessens the refund of
    the others; one that became cheaper takes part in it.
    """
    due = order.payable - order.refunded - sum(kept.lines.values()) - kept.shipping
    amount = max(0, due)
    shipping = max(0, shipping_paid(order, lines) - kept.shipping)
    wanted = [max(0, line.payable + line.tax - kept.lines.get(line.number, 0) - line.refunded) for line in lines]
    amounts = allocate(min(amount, sum(wanted)), wanted, wanted)
    refund = Refund.objects.create(order=order, amount=amount, shipping=shipping, created_at=now)
    parts = []
    for line, of_line in zip(lines, amounts, strict=True):
        line.refunded += of_line
        if of_line or back.get(line.number):
            parts.append(RefundLine(refund=refund, line=line, quantity=back.get(line.number, 0), amount=of_line))
    RefundLine.objects.bulk_create(parts)
    OrderLine.objects.bulk_update(lines, ["returned", "refunded"])
    order.refunded += amount


def _write_back_discounts(order: Order, kept: Kept, now: datetime) -> dict[int, int]:
    """Notes what each coupon no longer takes off; returns it by redemption. What went back once never returns."""
    redemptions = list(Redemption.objects.filter(order=order).order_by("pk"))
    returned = {}
    for redemption in redemptions:
        still = kept.discounts.get((redemption.coupon_id, redemption.claim_id), 0)
        back = redemption.amount - still - redemption.refunded
        if back > 0:
            redemption.refunded += back
            returned[redemption.pk] = back
    Redemption.objects.bulk_update(redemptions, ["refunded"])
    RedemptionEntry.objects.bulk_create(
        RedemptionEntry(redemption_id=redemption_id, kind=RedemptionEntryKind.REFUNDED, amount=-back, created_at=now)
        for redemption_id, back in returned.items()
    )
    return returned


def _give_back(order: Order, claims: Sequence[Claim], now: datetime) -> None:
    if not claims:
        return
    claims_move(
        claims=claims,
        from_state=ClaimState.REDEEMED,
        to_state=ClaimState.AVAILABLE,
        reason="order_refunded",
        now=now,
        order=order,
    )
    late = [claim.pk for claim in claims if claim.expires_at <= now]
    Claim.objects.filter(pk__in=late).update(expires_at=now + settings.CLAIM_GRACE_EXTENSION)
