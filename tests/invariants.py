"""What must hold at every commit, whatever was done to a coupon."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from django.db.models import Sum

from coupons.enums import ClaimState
from coupons.models import Claim, ClaimCounter, ClaimEntry, Coupon, Stock, StockMovement


def assert_invariants(coupon: Coupon) -> None:
    """Asserts that stock, claims, counters and ledgers of a coupon tell one story."""
    assert_stock_adds_up(coupon)
    assert_counters_count_the_claims(coupon)
    assert_states_are_the_fold_of_their_ledgers(coupon)
    assert_redemptions_are_the_sum_of_their_ledgers(coupon)


def assert_stock_adds_up(coupon: Coupon) -> None:
    """Claims and what is left are together what was ever released."""
    stock = Stock.objects.get(coupon=coupon)
    if stock.is_unlimited:
        return
    moved = StockMovement.objects.filter(coupon=coupon).aggregate(sum=Sum("quantity"))["sum"] or 0
    claimed = Claim.objects.filter(coupon=coupon).count()
    assert stock.released == moved
    assert claimed + (stock.remaining() or 0) == stock.released


def assert_counters_count_the_claims(coupon: Coupon) -> None:
    """No shopper holds more claims than the limit, and each ordinal stands once."""
    claims = Counter(Claim.objects.filter(coupon=coupon).values_list("shopper_id", flat=True))
    counters = dict(ClaimCounter.objects.filter(coupon=coupon).values_list("shopper_id", "claimed"))
    assert counters == dict(claims)
    assert max(counters.values(), default=0) <= coupon.limit_per_shopper


def assert_states_are_the_fold_of_their_ledgers(coupon: Coupon) -> None:
    """Each claim's entries follow one another without a gap and end where the claim stands."""
    entries: dict[int, list[ClaimEntry]] = {}
    for entry in ClaimEntry.objects.filter(claim__coupon=coupon).order_by("claim_id", "id"):
        entries.setdefault(entry.claim_id, []).append(entry)
    for claim in Claim.objects.filter(coupon=coupon):
        chain = entries[claim.pk]
        assert chain[0].from_state == ""
        for before, after in pairwise(chain):
            assert after.from_state == before.to_state
        assert chain[-1].to_state == claim.state


def assert_redemptions_are_the_sum_of_their_ledgers(coupon: Coupon) -> None:
    """What a redemption stands for is the sum of its entries, and only a used claim stands on an order."""
    for claim in Claim.objects.filter(coupon=coupon).prefetch_related("redemptions__entries"):
        for redemption in claim.redemptions.all():
            total = sum(entry.amount for entry in redemption.entries.all())
            assert total == redemption.amount - redemption.refunded
            is_standing = claim.state == ClaimState.REDEEMED and redemption.order_id == claim.order_id
            assert total == (redemption.amount if is_standing else 0)
