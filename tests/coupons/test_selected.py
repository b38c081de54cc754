"""Held out or not allocated: no way of claiming gets round it, and whoever is chosen gets the coupon by each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from config.kernel.lots import border_of
from coupons.api.serializers.catalogue import CouponSerializer
from coupons.enums import AudienceKind, ClaimChannel, CouponState, Handout
from coupons.errors import HoldoutFixed, NotEligible
from coupons.holdouts import is_held_out
from coupons.models import Allocation, AllocationEdition, Claim, Coupon, Order
from coupons.selectors import shelf as shelf_module
from coupons.selectors.audience import in_audience
from coupons.selectors.coupon_page import coupon_shown
from coupons.selectors.shelf import Shelf
from coupons.selectors.showcase import showcase_coupons
from coupons.services import allocations
from coupons.services import claims as claims_service
from coupons.services.allocations import allocations_replace
from coupons.services.bulk_claims import claims_create_many
from coupons.services.claims import claim_create, claim_create_by_code, claim_create_for_waiting
from coupons.services.cloning import coupon_clone
from coupons.services.gifts import gift_accept, gift_offer, gift_token
from coupons.services.grant_at_once import plain_claim
from coupons.services.holdouts import coupon_hold_out
from coupons.services.waiting import waiting_join
from coupons.web.tickets import coupon_ticket
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
SALT = "salt"


@pytest.fixture(autouse=True)
def _empty_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (shelf_module, claims_service):
        monkeypatch.setattr(module, "shelf", Shelf())


def make_held(**fields: object) -> Coupon:
    return factories.make_coupon(holdout_salt=SALT, holdout_below=border_of(0.5), **fields)


def both(coupon: Coupon) -> tuple[User, User]:
    """A shopper of the holdout and one beside it."""
    crowd = [factories.make_shopper() for _ in range(30)]
    return (
        next(shopper for shopper in crowd if is_held_out(coupon, shopper.pk)),
        next(shopper for shopper in crowd if not is_held_out(coupon, shopper.pk)),
    )


def allocate_to(coupon: Coupon, *shoppers: User, until: timedelta = DAY) -> None:
    allocations_replace(
        coupon_ids=[coupon.pk],
        rows=[(coupon.pk, shopper.pk, {"value": 3}) for shopper in shoppers],
        until=NOW + until,
        now=min(NOW, NOW + until) - DAY,
    )


def by_click(coupon: Coupon, shopper: User) -> object:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def in_bulk(coupon: Coupon, shopper: User) -> object:
    with transaction.atomic():
        (outcome,) = claims_create_many(coupon_id=coupon.pk, shoppers=[shopper.pk], channel=ClaimChannel.QUEUE, now=NOW)
    if not isinstance(outcome, Claim):
        raise outcome
    return outcome


def by_grant(coupon: Coupon, shopper: User) -> object:
    with transaction.atomic():
        (outcome,) = claims_create_many(coupon_id=coupon.pk, shoppers=[shopper.pk], channel=ClaimChannel.GRANT, now=NOW)
    if not isinstance(outcome, Claim):
        raise outcome
    return outcome


def by_waiting_list(coupon: Coupon, shopper: User) -> object:
    return claim_create_for_waiting(shopper=shopper, coupon=coupon, now=NOW)


WAYS: list[Callable[[Coupon, User], object]] = [by_click, in_bulk, by_grant, by_waiting_list]


class TestHoldout:
    @pytest.mark.parametrize("way", WAYS)
    def test_no_way_reaches_who_is_held_out(self, way: Callable[[Coupon, User], object]) -> None:
        coupon = make_held()
        held, other = both(coupon)
        with pytest.raises(NotEligible) as refused:
            way(coupon, held)
        assert refused.value.data == {"reason": "not_selected"}
        assert way(coupon, other)
        # Control: without the holdout the same shopper gets it the same way.
        Coupon.objects.filter(pk=coupon.pk).update(holdout_below="")
        shelf_module.shelf.forget(coupon.public_id)
        claims_service.shelf.forget(coupon.public_id)
        assert way(Coupon.objects.get(pk=coupon.pk), held)
        assert_invariants(coupon)

    def test_a_code_does_not_open_it(self) -> None:
        coupon = make_held(handout=Handout.CODE)
        held, other = both(coupon)
        factories.make_code(coupon=coupon, text="WELCOME2026", maximum_uses=None)
        with pytest.raises(NotEligible):
            claim_create_by_code(shopper=held, text="WELCOME2026", channel=ClaimChannel.CODE, now=NOW)
        assert claim_create_by_code(shopper=other, text="WELCOME2026", channel=ClaimChannel.CODE, now=NOW)

    def test_nor_a_place_on_the_waiting_list(self) -> None:
        coupon = make_held(stock=0)
        held, other = both(coupon)
        with pytest.raises(NotEligible):
            waiting_join(coupon=coupon, shopper=held, now=NOW)
        assert waiting_join(coupon=coupon, shopper=other, now=NOW)

    def test_nor_a_gift(self) -> None:
        coupon = make_held()
        held, other = both(coupon)
        gift = gift_offer(
            claim=factories.make_claim(coupon=coupon, shopper=other, now=NOW), giver=other, message="", now=NOW
        )
        with pytest.raises(NotEligible):
            gift_accept(token=gift_token(gift_id=gift.public_id), recipient=held, now=NOW)

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite always goes the long way")
    def test_whoever_is_not_held_out_keeps_the_fast_way(self) -> None:
        coupon = make_held()
        held, other = both(coupon)
        known = shelf_module.shelf.get(coupon.public_id)
        assert plain_claim(shopper=other, coupon=known, channel=ClaimChannel.WEB, now=NOW) is not None
        assert plain_claim(shopper=held, coupon=known, channel=ClaimChannel.WEB, now=NOW) is None

    def test_sql_and_python_hold_out_the_same(self) -> None:
        coupon = make_held()
        crowd = User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(300))
        meant = set(User.objects.filter(in_audience(coupon, NOW)).values_list("pk", flat=True))
        ours = {shopper.pk for shopper in crowd if not is_held_out(coupon, shopper.pk)}
        assert meant & {shopper.pk for shopper in crowd} == ours
        assert 100 < len(ours) < 200

    def test_the_showcase_does_not_show_it(self) -> None:
        coupon, plain = make_held(), factories.make_coupon()
        held, other = both(coupon)
        assert set(showcase_coupons(now=NOW, shopper=held)) == {plain}
        assert set(showcase_coupons(now=NOW, shopper=other)) == {coupon, plain}
        assert set(showcase_coupons(now=NOW)) == {coupon, plain}

    def test_only_a_draft_takes_one(self) -> None:
        draft = factories.make_coupon(state=CouponState.DRAFT)
        coupon_hold_out(coupon=draft, salt=SALT, percent=50)
        draft.refresh_from_db()
        assert (draft.holdout_salt, draft.holdout_below) == (SALT, border_of(0.5))
        with pytest.raises(HoldoutFixed):
            coupon_hold_out(coupon=factories.make_coupon(), salt=SALT, percent=10)

    def test_none_is_none(self) -> None:
        draft = factories.make_coupon(state=CouponState.DRAFT, holdout_salt=SALT, holdout_below=border_of(0.5))
        coupon_hold_out(coupon=draft, salt=SALT, percent=0)
        draft.refresh_from_db()
        assert (draft.holdout_salt, draft.holdout_below) == ("", "")

    def test_what_comes_off_by_itself_has_none(self) -> None:
        draft = factories.make_coupon(state=CouponState.DRAFT, handout=Handout.AUTOMATIC)
        coupon_hold_out(coupon=draft, salt=SALT, percent=50)
        draft.refresh_from_db()
        assert draft.holdout_below == ""

    def test_a_clone_draws_its_own_lots(self, marketer: User) -> None:
        assert coupon_clone(coupon=make_held(), actor=marketer, now=NOW).holdout_below == ""


class TestAllocation:
    @pytest.mark.parametrize("way", WAYS)
    def test_only_whom_it_was_allocated_to(self, way: Callable[[Coupon, User], object]) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        chosen, other = factories.make_shopper(), factories.make_shopper()
        allocate_to(coupon, chosen)
        with pytest.raises(NotEligible) as refused:
            way(coupon, other)
        assert refused.value.data == {"reason": "not_selected"}
        assert way(coupon, chosen)
        assert_invariants(coupon)

    @pytest.mark.parametrize("way", WAYS)
    def test_not_after_its_time(self, way: Callable[[Coupon, User], object]) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        late, just = factories.make_shopper(), factories.make_shopper()
        allocate_to(coupon, late, until=timedelta(0))
        with pytest.raises(NotEligible):
            way(coupon, late)
        allocate_to(coupon, just, until=timedelta(microseconds=1))
        assert way(coupon, just)

    def test_not_by_another_coupons_allocation(self) -> None:
        coupon, other = (factories.make_coupon(audience=AudienceKind.ALLOCATED) for _ in range(2))
        shopper = factories.make_shopper()
        allocate_to(other, shopper)
        with pytest.raises(NotEligible):
            by_click(coupon, shopper)

    def test_the_holdout_comes_before_it(self) -> None:
        coupon = make_held(audience=AudienceKind.ALLOCATED)
        held, other = both(coupon)
        allocate_to(coupon, held, other)
        for way in WAYS[:2]:
            with pytest.raises(NotEligible):
                way(coupon, held)
        assert by_click(coupon, other)

    def test_the_showcase_shows_it_to_them_alone(self) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        chosen, other = factories.make_shopper(), factories.make_shopper()
        allocate_to(coupon, chosen)
        assert list(showcase_coupons(now=NOW, shopper=chosen)) == [coupon]
        assert list(showcase_coupons(now=NOW, shopper=other)) == []
        assert list(showcase_coupons(now=NOW)) == []

    def test_replacing_leaves_other_coupons_alone_and_is_all_or_nothing(self) -> None:
        coupon, other = (factories.make_coupon(audience=AudienceKind.ALLOCATED) for _ in range(2))
        first, second = factories.make_shopper(), factories.make_shopper()
        allocate_to(coupon, first)
        allocate_to(other, first)
        allocate_to(coupon, second)
        rows = set(Allocation.objects.values_list("coupon", "shopper"))
        assert rows == {(coupon.pk, second.pk), (other.pk, first.pk)}
        with pytest.raises(IntegrityError), transaction.atomic():
            allocate_to(coupon, first, first)
        assert set(Allocation.objects.values_list("coupon", "shopper")) == rows
        assert Allocation.objects.get(coupon=coupon).explanation == {"value": 3}

    def test_a_run_that_breaks_or_dies_half_way_leaves_the_last_one_in_force(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(allocations, "CHUNK_ROWS", 2)
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        last, *others = (factories.make_shopper() for _ in range(5))
        allocate_to(coupon, last)

        def reaches() -> set[str]:
            return {
                shopper.username
                for shopper in (last, *others)
                if list(showcase_coupons(now=NOW, shopper=shopper)) == [coupon]
            }

        seen: list[tuple[int, set[str]]] = []

        def rows(breaks: bool) -> Any:
            for shopper in others[:3]:
                yield coupon.pk, shopper.pk, {}
            # The first chunk is written by now, and decides nothing.
            seen.append((Allocation.objects.count(), reaches()))
            if breaks:
                raise ZeroDivisionError
            yield coupon.pk, others[3].pk, {}

        def replace(breaks: bool) -> None:
            allocations_replace(coupon_ids=[coupon.pk], rows=rows(breaks), until=NOW + 2 * DAY, now=NOW)

        with pytest.raises(ZeroDivisionError):
            replace(breaks=True)
        assert seen == [(3, {last.username})]
        assert reaches() == {last.username}
        assert Allocation.objects.count() == 1
        # Control: one that is not broken replaces it.
        replace(breaks=False)
        assert reaches() == {shopper.username for shopper in others}

        # One that was killed left its rows; nobody may claim by them, and the next run clears them away.
        dead = AllocationEdition.objects.create(coupon=coupon, computed_at=NOW)
        Allocation.objects.create(edition=dead, coupon=coupon, shopper=last, until=NOW + DAY, computed_at=NOW)
        with pytest.raises(NotEligible):
            by_click(coupon, last)
        # Control: it is the edition alone that stands in the way.
        AllocationEdition.objects.filter(is_in_force=True).update(is_in_force=False)
        AllocationEdition.objects.filter(pk=dead.pk).update(is_in_force=True)
        assert reaches() == {last.username}
        AllocationEdition.objects.filter(pk=dead.pk).update(is_in_force=False)
        allocate_to(coupon, others[0])
        assert AllocationEdition.objects.count() == Allocation.objects.count() == 1

    def test_what_must_come_before_the_switch_does(self) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        shopper = factories.make_shopper()

        def fail() -> None:
            assert Allocation.objects.count() == 1
            assert not Allocation.objects.in_force().exists()
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            allocations_replace(
                coupon_ids=[coupon.pk],
                rows=[(coupon.pk, shopper.pk, {})],
                until=NOW + DAY,
                now=NOW,
                before_switch=fail,
            )
        assert not Allocation.objects.exists()

    @pytest.mark.parametrize("handout", [Handout.CODE, Handout.AUTOMATIC, Handout.LOTTERY])
    def test_only_what_is_claimed_or_granted_can_be_allocated(self, handout: Handout) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            factories.make_coupon(audience=AudienceKind.ALLOCATED, handout=handout)
        assert connection.in_atomic_block


class TestEveryFaceSaysTheSame:
    """The page, its parts that htmx asks for, the API and the claim itself: who cannot claim is offered nothing."""

    @pytest.fixture
    def held(self) -> tuple[Coupon, User]:
        coupon = make_held()
        return coupon, both(coupon)[0]

    @pytest.fixture
    def passed_over(self) -> tuple[Coupon, User]:
        return factories.make_coupon(audience=AudienceKind.ALLOCATED), factories.make_shopper()

    def seen(self, coupon: Coupon, shopper: User, **headers: str) -> str:
        client = Client()
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        text = client.get(coupon.get_absolute_url(), headers=headers).text
        # What is said of it, whoever it is and whatever the coupon is called.
        text = text[text.index('<div class="ticket-foot">') :]
        return text[: text.index("</article>")].replace(str(coupon.public_id), "").replace(coupon.title, "")

    @pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
    def test_who_is_kept_out_by_lot_reads_what_anybody_reads_who_was_not_selected(
        self, held: tuple[Coupon, User], passed_over: tuple[Coupon, User], headers: dict[str, str]
    ) -> None:
        said = self.seen(*held, **headers)
        assert said == self.seen(*passed_over, **headers)
        assert "This coupon is for selected shoppers only." in said
        assert "<form" not in said
        assert "<button" not in said

    def test_control_whoever_may_claim_it_is_offered_it(self) -> None:
        coupon = make_held()
        assert "<button" in self.seen(coupon, both(coupon)[1])

    def test_a_stranger_is_asked_to_sign_in(self, client: Client) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.ALLOCATED)
        assert "Claim" in client.get(coupon.get_absolute_url()).text

    @pytest.mark.parametrize("kind", ["plain", "held", "tagged", "new", "allocated"])
    def test_in_every_way_of_being_asked(self, kind: str) -> None:
        coupon = {
            "plain": factories.make_coupon,
            "held": make_held,
            "tagged": lambda: factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="vip"),
            "new": lambda: factories.make_coupon(audience=AudienceKind.NEW_SHOPPERS),
            "allocated": lambda: factories.make_coupon(audience=AudienceKind.ALLOCATED),
        }[kind]()
        crowd = [factories.make_shopper() for _number in range(24)]
        chosen = set(crowd[::3])
        for shopper in chosen:
            Tag.objects.create(shopper=shopper, name="vip", source=TagSource.MARKETER, set_at=NOW - DAY)
        Order.objects.bulk_create(
            Order(
                reference=f"order-{shopper.pk}",
                shopper=shopper,
                state="redeemed",
                subtotal=1,
                discount=0,
                payable=1,
                placed_at=NOW,
                redeemed_at=NOW,
            )
            for shopper in crowd
            if shopper not in chosen
        )
        allocate_to(coupon, *chosen)
        meant = set(User.objects.filter(in_audience(coupon, NOW), pk__in=[shopper.pk for shopper in crowd]))
        assert len(meant) == 24 if kind == "plain" else 4 < len(meant) < 20
        for shopper in crowd:
            shown = coupon_shown(public_id=coupon.public_id, shopper=shopper, now=NOW)
            api = CouponSerializer(shown, context={"now": NOW}).data["not_eligible_reason"]
            ticket = coupon_ticket(shown, now=NOW, shopper=shopper)
            assert ticket.can_claim == (api is None) == (shopper in meant)
            if shopper in meant:
                assert by_click(coupon, shopper)
            else:
                with pytest.raises(NotEligible) as refused:
                    by_click(coupon, shopper)
                assert (api, ticket.why_not) == (refused.value.data["reason"], refused.value.sentence)
