"""What must hold at every commit, whatever was done to a coupon."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from django.db.models import OuterRef, Subquery, Sum

from coupons.enums import ClaimState, RedPacketState
from coupons.models import (
    Claim,
    ClaimCounter,
    Coupon,
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
        assert total == (redemption.amount if is_standing else 0)
        standing += is_standing
    assert standing == (claim.state == ClaimState.REDEEMED)


def assert_red_packet_adds_up(packet: RedPacket) -> None:
    """Shares make up the sum; each one taken is a claim of its shopper with its amount; the rest is returned."""
    packet = RedPacket.objects.get(pk=packet.pk)
    shares = list(RedPacketShare.objects.filter(packet=packet).select_related("claim"))
    assert len(shares) == packet.share_count
    assert sum(share.amount for share in shares) == packet.total
    taken = [share for share in shares if share.claim is not None]
    assert len({share.shopper_id for share in taken}) == len(taken)
    for share in taken:
        assert (share.claim.shopper_id, share.claim.amount_off) == (share.shopper_id, share.amount)
    assert {share.claim_id for share in taken} == set(
        Claim.objects.filter(coupon=packet.coupon, source=None).values_list("pk", flat=True)
    )
    left = sum(share.amount for share in shares if share.claim is None)
    assert packet.returned == (left if packet.state == RedPacketState.CLOSED else 0)
