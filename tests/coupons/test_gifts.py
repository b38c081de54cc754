"""Giving a coupon away: offered, accepted, taken back, expired; both ledgers tell it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from config.kernel.errors import NotFound
from coupons.enums import AudienceKind, ClaimChannel, ClaimState, GiftState
from coupons.errors import (
    AlreadyRedeemed,
    ClaimLocked,
    ClaimNotUsable,
    GiftClosed,
    GiftInvalid,
    GiftLimitReached,
    GiftRefused,
    NotEligible,
)
from coupons.models import Claim, ClaimEntry, Gift
from coupons.selectors.gifts import gift_behind, gifts_given
from coupons.services.expiry import expire_claims
from coupons.services.gifts import expire_gifts, gift_accept, gift_cancel, gift_offer, gift_token
from coupons.services.orders import order_lock, order_redeem
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db


def offer(claim: Claim, **fields: Any) -> Gift:
    return gift_offer(claim=claim, **{"giver": claim.shopper, "message": "For you", "now": NOW, **fields})


def accept(gift: Gift, recipient: User, **fields: Any) -> Gift:
    return gift_accept(
        token=gift_token(gift_id=gift.public_id), recipient=recipient, **{"now": NOW + timedelta(hours=1), **fields}
    )


def told(claim: Claim) -> list[tuple[str, str, str]]:
    return list(ClaimEntry.objects.filter(claim=claim).values_list("from_state", "to_state", "reason"))


class TestOffering:
    def test_holds_the_claim_and_leaves_a_trace(self, coupon: Any) -> None:
        claim = factories.make_claim(coupon=coupon)
        gift = offer(claim)
        claim.refresh_from_db()
        assert (claim.state, gift.state, gift.expires_at) == ("gifting", "offered", NOW + timedelta(days=3))
        entry = claim.entries.last()
        assert (entry.reason, entry.data) == ("offered", {"gift": str(gift.public_id)})
        assert_invariants(coupon)

    def test_stores_no_secret(self) -> None:
        gift = offer(factories.make_claim())
        token = gift_token(gift_id=gift.public_id)
        assert len(token) == 43  # 256 bits
        row = Gift.objects.filter(pk=gift.pk).values().get()
        assert not [column for column, value in row.items() if token in str(value)]

    def test_secrets_differ_and_depend_on_the_installation(self, settings: Settings) -> None:
        gifts = [offer(factories.make_claim()) for _number in range(3)]
        tokens = {gift_token(gift_id=gift.public_id) for gift in gifts}
        assert len(tokens) == 3
        settings.SECRET_KEY = "another installation's key, which is as long as it has to be"
        assert gift_token(gift_id=gifts[0].public_id) not in tokens

    def test_lasts_no_longer_than_the_claim(self) -> None:
        claim = factories.make_claim(usable_until=NOW + timedelta(hours=5))
        assert offer(claim).expires_at == NOW + timedelta(hours=5)

    def test_only_by_its_holder(self, outsider: User) -> None:
        with pytest.raises(NotFound):
            offer(factories.make_claim(), giver=outsider)

    def test_not_what_is_on_an_order_used_given_or_over(self, shopper: User) -> None:
        claims = [factories.make_claim(shopper=shopper) for _number in range(3)]
        orders = [
            order_lock(
                shopper=shopper,
                reference=f"order-{claim.pk}",
                items=[factories.cart_item()],
                claim_ids=[claim.public_id],
                now=NOW,
            )
            for claim in claims[:2]
        ]
        order_redeem(order=orders[1], now=NOW)
        offer(claims[2])
        late = factories.make_claim(shopper=shopper, usable_until=NOW)
        for claim, error in zip(
            [*claims, late], [ClaimLocked, AlreadyRedeemed, ClaimNotUsable, ClaimNotUsable], strict=True
        ):
            with pytest.raises(error):
                offer(claim)

    def test_only_what_may_be_given(self) -> None:
        with pytest.raises(GiftRefused) as refused:
            offer(factories.make_claim(is_giftable=False))
        assert refused.value.data["reason"] == "not_giftable"

    def test_through_so_many_hands(self, settings: Settings) -> None:
        settings.GIFT_CHAIN_DEPTH = 2
        claim = factories.make_claim()
        for _hand in range(2):
            claim = accept(offer(claim), factories.make_shopper()).received
        with pytest.raises(GiftRefused) as refused:
            offer(claim, now=NOW + timedelta(hours=2))
        assert refused.value.data["reason"] == "too_many_hands"

    def test_so_many_a_shop_day_whatever_became_of_them(self, shopper: User, settings: Settings) -> None:
        settings.GIFTS_PER_DAY = 2
        coupon = factories.make_coupon(limit_per_shopper=9)
        claims = [factories.make_claim(shopper=shopper, coupon=coupon) for _number in range(3)]
        gift_cancel(gift=offer(claims[0]), giver=shopper, now=NOW)
        offer(claims[0])
        with pytest.raises(GiftLimitReached) as refused:
            offer(claims[1])
        # Midnight in Shanghai.
        assert refused.value.data == {"limit": 2, "resets_at": NOW.replace(hour=16)}
        offer(claims[1], now=NOW.replace(hour=16))


class TestAccepting:
    def test_is_a_new_claim_with_the_same_terms(self, outsider: User) -> None:
        claim = factories.make_claim(usable_days=9)
        Claim.objects.filter(pk=claim.pk).update(amount_off=7_00, minimum_spend=50_00)
        gift = accept(offer(claim), outsider)
        received = gift.received
        claim.refresh_from_db()
        assert (claim.state, gift.state, gift.recipient) == ("gifted", "accepted", outsider)
        assert (received.shopper, received.channel, received.source) == (outsider, ClaimChannel.GIFT, claim)
        assert (received.ordinal, received.gift_depth, received.state) == (None, 1, ClaimState.AVAILABLE)
        for term in ("coupon_id", "amount_off", "minimum_spend", "usable_from", "expires_at"):
            assert getattr(received, term) == getattr(claim, term)
        assert_invariants(claim.coupon)

    def test_both_ledgers_tell_it(self, outsider: User) -> None:
        claim = factories.make_claim()
        gift = accept(offer(claim), outsider)
        assert told(claim)[1:] == [("available", "gifting", "offered"), ("gifting", "gifted", "accepted")]
        assert told(gift.received) == [("", "available", "received")]
        trace = str(gift.public_id)
        assert gift.received.entries.get().data == {"gift": trace, "claim": str(claim.public_id)}
        assert claim.entries.last().data == {"gift": trace}

    def test_counts_against_no_limit(self, outsider: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=1, stock=2)
        factories.make_claim(shopper=outsider, coupon=coupon)
        accept(offer(factories.make_claim(coupon=coupon)), outsider)
        assert Claim.objects.filter(shopper=outsider, coupon=coupon).count() == 2
        assert_invariants(coupon)

    def test_not_by_the_giver(self) -> None:
        gift = offer(factories.make_claim())
        with pytest.raises(GiftRefused) as refused:
            accept(gift, gift.giver)
        assert refused.value.data["reason"] == "own_gift"

    def test_only_by_whom_the_coupon_is_for(self, outsider: User) -> None:
        claim = factories.make_claim(audience=AudienceKind.NEW_SHOPPERS)
        gift = offer(claim)
        order = order_lock(shopper=outsider, reference="first", items=[factories.cart_item()], claim_ids=[], now=NOW)
        order_redeem(order=order, now=NOW)
        with pytest.raises(NotEligible) as refused:
            accept(gift, outsider)
        assert refused.value.data["reason"] == "new_shoppers_only"
        accept(gift, factories.make_shopper())

    def test_an_unknown_a_used_and_an_ended_link_read_the_same(self, outsider: User) -> None:
        used = offer(factories.make_claim())
        accept(used, factories.make_shopper())
        withdrawn = offer(factories.make_claim())
        gift_cancel(gift=withdrawn, giver=withdrawn.giver, now=NOW)
        ended = offer(factories.make_claim())
        answers = set()
        for gift, now in ((used, NOW), (withdrawn, NOW), (ended, ended.expires_at)):
            with pytest.raises(GiftInvalid) as refused:
                accept(gift, outsider, now=now)
            answers.add((refused.value.code, refused.value.sentence))
        for token in ("", "x", "\ud800".encode("utf-8", "replace").decode(), "券" * 40):
            with pytest.raises(GiftInvalid) as refused:
                gift_accept(token=token, recipient=outsider, now=NOW)
            answers.add((refused.value.code, refused.value.sentence))
        assert len(answers) == 1

    def test_a_look_shows_what_may_still_be_accepted(self) -> None:
        gift = offer(factories.make_claim())
        token = gift_token(gift_id=gift.public_id)
        assert gift_behind(token=token, now=NOW) == gift
        with pytest.raises(GiftInvalid):
            gift_behind(token=token, now=gift.expires_at)


class TestTakingBack:
    def test_makes_the_claim_usable_again(self) -> None:
        claim = factories.make_claim()
        gift = gift_cancel(gift=offer(claim), giver=claim.shopper, now=NOW)
        claim.refresh_from_db()
        assert (claim.state, gift.state, gift.closed_at) == ("available", "cancelled", NOW)
        assert told(claim)[-1] == ("gifting", "available", "gift_cancelled")
        assert_invariants(claim.coupon)

    def test_only_by_the_giver_and_only_once(self, outsider: User) -> None:
        gift = offer(factories.make_claim())
        with pytest.raises(NotFound):
            gift_cancel(gift=gift, giver=outsider, now=NOW)
        gift_cancel(gift=gift, giver=gift.giver, now=NOW)
        with pytest.raises(GiftClosed):
            gift_cancel(gift=gift, giver=gift.giver, now=NOW)

    def test_what_expired_meanwhile_expires(self) -> None:
        claim = factories.make_claim(usable_until=NOW + timedelta(hours=1))
        gift_cancel(gift=offer(claim), giver=claim.shopper, now=NOW + timedelta(hours=2))
        claim.refresh_from_db()
        assert claim.state == ClaimState.EXPIRED
        assert told(claim)[-2:] == [("gifting", "available", "gift_cancelled"), ("available", "expired", "expired")]
        assert_invariants(claim.coupon)


class TestExpiring:
    def test_gives_the_claim_back(self) -> None:
        claim = factories.make_claim()
        gift = offer(claim)
        assert expire_gifts(now=gift.expires_at - timedelta(microseconds=1)) == 0
        assert gifts_given(shopper=None, state=GiftState.EXPIRED, now=gift.expires_at).get() == gift
        assert [expire_gifts(now=gift.expires_at) for _run in range(2)] == [1, 0]
        claim.refresh_from_db()
        gift.refresh_from_db()
        assert (claim.state, gift.state) == ("available", "expired")
        assert_invariants(claim.coupon)

    def test_lets_expire_what_has_ended_itself(self) -> None:
        claim = factories.make_claim(usable_until=NOW + timedelta(hours=1))
        offer(claim)
        assert expire_claims(now=NOW + timedelta(hours=1)) == 0
        assert expire_gifts(now=NOW + timedelta(hours=1), batch_size=1) == 1
        claim.refresh_from_db()
        assert claim.state == ClaimState.EXPIRED

    def test_before_any_job_the_giver_may_offer_again(self) -> None:
        claim = factories.make_claim()
        first = offer(claim)
        second = offer(claim, now=first.expires_at)
        first.refresh_from_db()
        assert (first.state, second.state) == ("expired", "offered")
        assert_invariants(claim.coupon)
