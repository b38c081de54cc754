"""What must hold at every commit, whatever was done to a coupon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from django.db.models import OuterRef, Subquery, Sum

from coupons.enums import ClaimChannel, ClaimState, OrderState, RedPacketState
from coupons.models import (
    Budget,
    Claim,
    ClaimCounter,
    Coupon,
    Order,
    Redemption,
    RedPacket,
    RedPacketShare,
    Stock,
    StockBucket,
    StockMovement,
)


def assert_invariants(coupon: Coupon) -> None:
    """Asserts that stock, claims, counters and ledgers of a coupon tell one story."""
    claims = list(Claim.objects.filter(coupon=coupon).prefetch_related("entries", "redemptions__entries"))
    assert_stock_adds_up(coupon, claims)
    assert_counters_count_the_claims(coupon, claims)
    for claim in claims:
        assert_state_is_the_fold_of_its_ledger(claim)
        assert_redemptions_are_the_sum_of_their_ledgers(claim)


def assert_stock_adds_up(coupon: Coupon, claims: Sequence[Claim]) -> None:
    """Claims and what is left are together what was ever released."""
    buckets = StockBucket.objects.filter(coupon=OuterRef("coupon")).values("coupon").annotate(sum=Sum("remaining"))
    movements = StockMovement.objects.filter(coupon=OuterRef("coupon")).order_by().values("coupon")
    stock = Stock.objects.annotate(
        left=Subquery(buckets.values("sum")), moved=Subquery(movements.annotate(sum=Sum("quantity")).values("sum"))
    ).get(coupon=coupon)
    if stock.is_unlimited:
        return
    assert stock.released == (stock.moved or 0)
    assert len([claim for claim in claims if claim.ordinal is not None]) + (stock.left or 0) == stock.released


def assert_counters_count_the_claims(coupon: Coupon, claims: Sequence[Claim]) -> None:
    """No shopper holds more claims than the limit, and the ordinals of each count from 1 without a gap."""
    claims = [claim for claim in claims if claim.ordinal is not None]
    held = Counter(claim.shopper_id for claim in claims)
    counters = dict(ClaimCounter.objects.filter(coupon=coupon).values_list("shopper_id", "claimed"))
    assert counters == dict(held)
    assert max(counters.values(), default=0) <= coupon.limit_per_shopper
    ordinals = {(claim.shopper_id, claim.ordinal) for claim in claims}
    assert ordinals == {(shopper, ordinal) for shopper, count in held.items() for ordinal in range(1, count + 1)}


def assert_state_is_the_fold_of_its_ledger(claim: Claim) -> None:
    """A claim's entries follow one another without a gap and end where the claim stands."""
    chain = sorted(claim.entries.all(), key=lambda entry: entry.pk)
    assert chain[0].from_state == ""
    for before, after in pairwise(chain):
        assert after.from_state == before.to_state
    assert chain[-1].to_state == claim.state
    if claim.order_id is not None:
        assert chain[-1].order_id == claim.order_id


def assert_redemptions_are_the_sum_of_their_ledgers(claim: Claim) -> None:
    """What a redemption stands for is the sum of its entries; only a used claim has one standing, and just one."""
    standing = 0
    for redemption in claim.redemptions.all():
        total = sum(entry.amount for entry in redemption.entries.all())
        assert total == redemption.amount - redemption.refunded
        is_standing = claim.state == ClaimState.REDEEMED and redemption.order_id == claim.order_id
        assert 0 <= total <= redemption.amount
        assert is_standing or total == 0
        standing += is_standing
    assert standing == (claim.state == ClaimState.REDEEMED)


def assert_budget_holds(budget: Budget) -> None:
    """A budget's money is the sum of its ledger, and that of the redemptions that it paid; never above the cap."""
    budget = Budget.objects.get(pk=budget.pk)
    entries = budget.entries.all()
    assert budget.spent == sum(entry.amount for entry in entries)
    paid = Redemption.objects.filter(pk__in=entries.values("redemption"))
    assert budget.spent == sum(redemption.amount - redemption.refunded for redemption in paid)
    assert 0 <= budget.spent <= budget.cap


def assert_order_adds_up(order: Order) -> None:
    """Lines, discounts, refunds and redemptions of an order tell one story, and no more goes back than was paid."""
    order = Order.objects.get(pk=order.pk)
    lines = list(order.lines.prefetch_related("discounts"))
    for line in lines:
        assert line.payable == line.unit_price * line.quantity - line.discount
        assert line.discount == sum(discount.amount for discount in line.discounts.all())
        assert line.refunded == sum(part.amount for part in line.refund_lines.all()) <= line.payable + line.tax
        assert line.returned == sum(part.quantity for part in line.refund_lines.all()) <= line.quantity
    assert order.subtotal - order.discount == sum(line.payable for line in lines)
    assert order.shipping_discount == sum(discount.amount for discount in order.shipping_discounts.all())
    refunds = list(order.refunds.prefetch_related("lines"))
    for refund in refunds:
        assert refund.amount == refund.shipping + sum(part.amount for part in refund.lines.all())
    assert order.refunded == sum(refund.amount for refund in refunds) <= order.payable
    redemptions = list(order.redemptions.all())
    if order.redeemed_at is not None:
        assert sum(redemption.amount for redemption in redemptions) == order.discount + order.shipping_discount
    if order.state == OrderState.REFUNDED:
        assert order.refunded == order.payable
        assert all(redemption.refunded == redemption.amount for redemption in redemptions)


def money_in(claim: Claim) -> int:
    """What a claim of cash is worth together with the rests that were kept of it."""
    rests = claim.derived.filter(channel=ClaimChannel.REST)
    return (claim.amount_off or 0) + sum(money_in(rest) for rest in rests)


def assert_red_packet_adds_up(packet: RedPacket) -> None:
    """Shares make up the sum; each one taken is a claim of its shopper with its amount; the rest is returned."""
    packet = RedPacket.objects.get(pk=packet.pk)
    shares = list(RedPacketShare.objects.filter(packet=packet).select_related("claim"))
    assert len(shares) == packet.share_count
    assert sum(share.amount for share in shares) == packet.total
    taken = [share for share in shares if share.claim is not None]
    assert len({share.shopper_id for share in taken}) == len(taken)
    for share in taken:
        assert (share.claim.shopper_id, money_in(share.claim)) == (share.shopper_id, share.amount)
    assert {share.claim_id for share in taken} == set(
        Claim.objects.filter(coupon=packet.coupon, source=None).values_list("pk", flat=True)
    )
    left = sum(share.amount for share in shares if share.claim is None)
    assert packet.returned == (left if packet.state == RedPacketState.CLOSED else 0)
