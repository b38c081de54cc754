"""Claiming: who gets a coupon, who does not, and what a refusal tells."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coupons.enums import AudienceKind, ClaimChannel, ClaimState, CodeKind, CouponState
from coupons.errors import CodeInvalid, Ended, LimitReached, NotEligible, NotStarted, Paused, SoldOut
from coupons.models import Claim, Coupon
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.orders import order_lock, order_redeem, order_refund
from coupons.services.publishing import coupon_pause
from tests import factories
from tests.factories import NOW
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

MICROSECOND = timedelta(microseconds=1)


def claim(coupon: Coupon, shopper: User, now: datetime = NOW) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now)


class TestAClaim:
    def test_is_available_and_its_ledger_says_so(self, coupon: Coupon, shopper: User) -> None:
        made = claim(coupon, shopper)
        assert (made.state, made.ordinal, made.claimed_at) == (ClaimState.AVAILABLE, 1, NOW)
        entry = made.entries.get()
        assert (entry.from_state, entry.to_state, entry.created_at) == ("", ClaimState.AVAILABLE, NOW)

    def test_takes_one_from_the_stock(self, shopper: User) -> None:
        coupon = factories.make_coupon(stock=3)
        claim(coupon, shopper)
        assert coupon.stock.remaining() == 2

    def test_of_an_unlimited_coupon_needs_no_stock(self, shopper: User) -> None:
        coupon = factories.make_coupon(stock=None)
        claim(coupon, shopper)
        assert coupon.stock.remaining() is None


class TestValidity:
    def test_days_count_from_the_claim(self, shopper: User) -> None:
        made = claim(factories.make_coupon(usable_days=7), shopper)
        assert (made.usable_from, made.expires_at) == (NOW, NOW + timedelta(days=7))

    def test_a_fixed_end_cuts_the_days_short(self, shopper: User) -> None:
        until = NOW + timedelta(days=2)
        assert claim(factories.make_coupon(usable_days=7, usable_until=until), shopper).expires_at == until

    def test_days_count_from_the_first_usable_moment(self, shopper: User) -> None:
        starts_at = NOW + timedelta(days=10)
        made = claim(factories.make_coupon(usable_from=starts_at, usable_days=7), shopper)
        assert (made.usable_from, made.expires_at) == (starts_at, starts_at + timedelta(days=7))

    def test_a_coupon_that_could_not_be_used_is_not_handed_out(self, shopper: User) -> None:
        coupon = factories.make_coupon(usable_until=NOW - timedelta(days=1))
        with pytest.raises(Ended):
            claim(coupon, shopper)
        assert coupon.stock.remaining() == 100


@pytest.mark.reliability(37)
class TestTheClaimWindow:
    STARTS_AT = datetime(2026, 11, 1, 0, 0, tzinfo=UTC)
    ENDS_AT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)

    @pytest.fixture
    def coupon(self) -> Coupon:
        return factories.make_coupon(claim_starts_at=self.STARTS_AT, claim_ends_at=self.ENDS_AT)

    def test_a_microsecond_early_is_too_early(self, coupon: Coupon, shopper: User) -> None:
        with pytest.raises(NotStarted) as refused:
            claim(coupon, shopper, self.STARTS_AT - MICROSECOND)
        assert refused.value.data == {"starts_at": self.STARTS_AT}

    def test_the_start_is_in(self, coupon: Coupon, shopper: User) -> None:
        assert claim(coupon, shopper, self.STARTS_AT)

    def test_a_microsecond_before_the_end_is_in(self, coupon: Coupon, shopper: User) -> None:
        assert claim(coupon, shopper, self.ENDS_AT - MICROSECOND)

    def test_the_end_is_out(self, coupon: Coupon, shopper: User) -> None:
        with pytest.raises(Ended):
            claim(coupon, shopper, self.ENDS_AT)

    @pytest.mark.parametrize("offset", [-MICROSECOND, timedelta(0)])
    def test_the_state_and_the_querysets_agree(self, coupon: Coupon, offset: timedelta) -> None:
        for edge in (self.STARTS_AT, self.ENDS_AT):
            moment = edge + offset
            states = [state for state in CouponState if coupon in Coupon.objects.in_state(state, moment)]
            assert states == [coupon.state(moment)]


class TestRefusals:
    @pytest.mark.parametrize(
        ("state", "error"),
        [
            (CouponState.DRAFT, Ended),
            (CouponState.SCHEDULED, NotStarted),
            (CouponState.PAUSED, Paused),
            (CouponState.ENDED, Ended),
        ],
    )
    def test_only_a_live_coupon_can_be_claimed(self, shopper: User, state: CouponState, error: type) -> None:
        with pytest.raises(error):
            claim(factories.make_coupon(state=state), shopper)

    def test_a_pause_works_at_once_even_for_who_looked_before(
        self, coupon: Coupon, shopper: User, marketer: User
    ) -> None:
        coupon_pause(coupon=Coupon.objects.get(pk=coupon.pk), actor=marketer, now=NOW)
        assert coupon.status == "published"
        with pytest.raises(Paused):
            claim(coupon, shopper)

    @pytest.mark.parametrize("buckets", [1, 16])
    def test_sold_out_is_sold_out(self, shopper: User, outsider: User, buckets: int) -> None:
        coupon = factories.make_coupon(stock=1, bucket_count=buckets)
        claim(coupon, shopper)
        with pytest.raises(SoldOut):
            claim(coupon, outsider)

    def test_a_refused_shopper_keeps_the_allowance(self, shopper: User, outsider: User) -> None:
        coupon = factories.make_coupon(stock=1)
        claim(coupon, shopper)
        with pytest.raises(SoldOut):
            claim(coupon, outsider)
        assert not coupon.claim_counters.filter(shopper=outsider).exists()

    def test_a_closed_account_claims_nothing(self, coupon: Coupon) -> None:
        with pytest.raises(NotEligible):
            claim(coupon, factories.make_shopper(is_active=False))


class TestLimits:
    def test_per_shopper(self, shopper: User, outsider: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=2)
        assert [claim(coupon, shopper).ordinal for _ in range(2)] == [1, 2]
        with pytest.raises(LimitReached) as refused:
            claim(coupon, shopper)
        assert refused.value.data == {"limit": 2, "scope": "shopper"}
        assert claim(coupon, outsider)

    # 16:00 UTC is midnight in the shop.
    BEFORE_MIDNIGHT = datetime(2026, 11, 21, 15, 59, 59, 999999, tzinfo=UTC)
    MIDNIGHT = datetime(2026, 11, 21, 16, 0, tzinfo=UTC)

    @pytest.mark.reliability(39)
    def test_per_shopper_and_day_starts_anew_at_the_shops_midnight(self, shopper: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=10, limit_per_shopper_per_day=1)
        claim(coupon, shopper, self.BEFORE_MIDNIGHT)
        with pytest.raises(LimitReached) as refused:
            claim(coupon, shopper, self.BEFORE_MIDNIGHT)
        assert refused.value.data == {"limit": 1, "scope": "shopper_day", "resets_at": self.MIDNIGHT}
        claim(coupon, shopper, self.MIDNIGHT)
        with pytest.raises(LimitReached):
            claim(coupon, shopper, self.MIDNIGHT)

    @pytest.mark.reliability(39)
    def test_a_request_that_began_before_midnight_counts_for_the_new_day(self, shopper: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=10, limit_per_shopper_per_day=1)
        claim(coupon, shopper, self.MIDNIGHT)
        with pytest.raises(LimitReached):
            claim(coupon, shopper, self.BEFORE_MIDNIGHT)

    def test_per_day_for_everybody(self, shopper: User, outsider: User) -> None:
        coupon = factories.make_coupon(limit_per_day=1)
        claim(coupon, shopper, self.BEFORE_MIDNIGHT)
        with pytest.raises(LimitReached) as refused:
            claim(coupon, outsider, self.BEFORE_MIDNIGHT)
        assert refused.value.data["scope"] == "day"
        assert claim(coupon, outsider, self.MIDNIGHT)

    def test_giving_a_coupon_back_makes_no_room_for_another(self, shopper: User) -> None:
        coupon = factories.make_coupon(limit_per_shopper=1)
        held = claim(coupon, shopper)
        order = _order(shopper, [held])
        order_refund(order=order_redeem(order=order, now=NOW), now=NOW)
        with pytest.raises(LimitReached):
            claim(coupon, shopper)


def _order(shopper: User, claims: list[Claim] = ()):
    product = factories.make_product()
    return order_lock(
        shopper=shopper,
        reference=f"order-{product.sku}",
        items=[factories.cart_item(product)],
        claim_ids=[claim.public_id for claim in claims],
        now=NOW,
    )


class TestAudience:
    def test_new_shoppers_only(self, shopper: User, outsider: User) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.NEW_SHOPPERS)
        order_redeem(order=_order(shopper), now=NOW)
        with pytest.raises(NotEligible) as refused:
            claim(coupon, shopper)
        assert refused.value.data == {"reason": "new_shoppers_only"}
        assert claim(coupon, outsider)

    def test_a_refunded_order_leaves_a_shopper_new(self, shopper: User) -> None:
        order_refund(order=order_redeem(order=_order(shopper), now=NOW), now=NOW)
        assert claim(factories.make_coupon(audience=AudienceKind.NEW_SHOPPERS), shopper)

    def test_a_tag_that_has_not_expired(self, shopper: User) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="segment:loyal")
        with pytest.raises(NotEligible) as refused:
            claim(coupon, shopper)
        assert refused.value.data == {"reason": "tag_needed"}
        ends_at = NOW + timedelta(days=1)
        Tag.objects.create(
            shopper=shopper, name="segment:loyal", source=TagSource.SEGMENTATION, set_at=NOW, expires_at=ends_at
        )
        with pytest.raises(NotEligible):
            claim(coupon, shopper, ends_at)
        assert claim(coupon, shopper, ends_at - MICROSECOND)


class TestCodes:
    def by_code(self, shopper: User, text: str) -> Claim:
        return claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=NOW)

    @pytest.mark.parametrize("typed", ["WE1C0ME2026", "we1c0me2026", " We1c-0me 2026", "WELCOME2026", "ｗelcome2026"])
    def test_any_way_of_typing_it_works(self, shopper: User, typed: str) -> None:
        code = factories.make_code(text="WE1C0ME2026")
        made = self.by_code(shopper, typed)
        assert (made.coupon, made.code_use.code) == (code.coupon, code)

    @pytest.mark.parametrize(
        "typed", ["", "NOSUCHC0DE", "\0", "券", "A" * 41, "A" * 1_000_000, "'; DROP TABLE", "\u202eABC"]
    )
    @pytest.mark.reliability(47)
    def test_every_wrong_code_gets_the_same_answer(self, shopper: User, typed: str) -> None:
        factories.make_code()
        with pytest.raises(CodeInvalid) as refused:
            self.by_code(shopper, typed)
        assert refused.value.data == {}

    def test_the_code_of_a_draft_reads_like_a_wrong_one(self, shopper: User) -> None:
        code = factories.make_code(coupon=factories.make_coupon(state=CouponState.DRAFT))
        with pytest.raises(CodeInvalid):
            self.by_code(shopper, code.text)

    def test_a_unique_code_works_once(self, shopper: User, outsider: User) -> None:
        code = factories.make_code(kind=CodeKind.UNIQUE, maximum_uses=1)
        self.by_code(shopper, code.text)
        with pytest.raises(CodeInvalid):
            self.by_code(outsider, code.text)

    def test_a_refused_claim_does_not_use_the_code_up(self, shopper: User) -> None:
        code = factories.make_code(
            coupon=factories.make_coupon(state=CouponState.PAUSED), kind=CodeKind.UNIQUE, maximum_uses=1
        )
        with pytest.raises(Paused):
            self.by_code(shopper, code.text)
        code.refresh_from_db()
        assert code.used == 0

    def test_a_coupon_that_needs_a_code_cannot_be_had_without(self, shopper: User) -> None:
        with pytest.raises(NotEligible) as refused:
            claim(factories.make_coupon(handout="code"), shopper)
        assert refused.value.data == {"reason": "code_needed"}
