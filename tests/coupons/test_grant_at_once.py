"""The plain claim in one call writes what the long way writes, or nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel.errors import DomainError, NotFound
from config.kernel.idempotency import Answer, Attempt, answer_known
from config.kernel.models import IdempotencyRecord
from coupons.enums import ClaimChannel, CouponStatus
from coupons.errors import LimitReached, SoldOut
from coupons.models import Claim, Coupon
from coupons.selectors import shelf as shelf_module
from coupons.selectors.shelf import Shelf, shelf
from coupons.services import claims as claims_service
from coupons.services.claims import claim_create, claim_create_once
from coupons.services.grant_at_once import grant_at_once, plain_claim
from coupons.services.waiting import waiting_join
from tests import factories
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite always goes the long way"),
]


@pytest.fixture(autouse=True)
def _empty_shelf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other tests' coupons are gone, and each of these reads its own."""
    for module in (shelf_module, claims_service):
        monkeypatch.setattr(module, "shelf", Shelf())


def granted(coupon: Coupon, shopper: User, **more: Any) -> Claim | None:
    """The claim that the one call made; None where it left everything to the long way."""
    plain = plain_claim(shopper=shopper, coupon=shelf.get(coupon.public_id), channel=ClaimChannel.WEB, now=NOW)
    return plain if plain is not None and grant_at_once(plain, **more) else None


def rows_of(claim: Claim) -> dict[str, Any]:
    """Everything that a claim left behind, but for ids."""
    kept = Claim.objects.get(pk=claim.pk)
    ignored = {"id", "public_id", "coupon_id", "shopper_id", "claim_id", "_state"}
    rows = [kept, kept.entries.get(), kept.coupon.claim_counters.get(shopper=kept.shopper)]
    rows += list(kept.coupon.daily_claim_counts.all())
    shown = {
        f"{type(row).__name__}.{name}": value
        for row in rows
        for name, value in vars(row).items()
        if name not in ignored
    }
    return shown | {"remaining": kept.coupon.stock.remaining()}


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"bucket_count": 16},
        {"stock": None},
        {"limit_per_day": 5, "limit_per_shopper_per_day": 2, "limit_per_shopper": 3},
        {"usable_days": None, "usable_until": NOW + timedelta(days=3)},
        {"usable_from": NOW + timedelta(days=1), "usable_days": 2},
    ],
)
def test_it_writes_what_the_long_way_writes(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    quick = granted(factories.make_coupon(**fields), factories.make_shopper())
    monkeypatch.setattr(claims_service, "plain_claim", lambda **_claim: None)
    slow = claim_create(
        shopper=factories.make_shopper(), coupon=factories.make_coupon(**fields), channel=ClaimChannel.WEB, now=NOW
    )
    assert quick is not None
    assert rows_of(quick) == rows_of(slow)
    assert_invariants(quick.coupon)


def test_a_claim_is_one_call() -> None:
    coupon, shopper = factories.make_coupon(), factories.make_shopper()
    shelf.get(coupon.public_id)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    assert len([query for query in queries if "coupons_" in query["sql"]]) == 2, "the shelf's look, and the grant"


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [({"stock": 0}, SoldOut), ({"stock": 9, "limit_per_day": 1}, LimitReached), ({}, LimitReached)],
)
def test_what_it_does_not_grant_it_leaves_as_it_was(fields: dict[str, Any], refusal: type[DomainError]) -> None:
    coupon, shopper = factories.make_coupon(**fields), factories.make_shopper()
    first = factories.make_shopper() if "limit_per_day" in fields else shopper
    if coupon.stock.remaining():
        assert granted(coupon, first)
    before = (Claim.objects.count(), coupon.stock.remaining(), coupon.claim_counters.count())
    assert granted(coupon, shopper) is None
    assert (Claim.objects.count(), coupon.stock.remaining(), coupon.claim_counters.count()) == before
    with pytest.raises(refusal):
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    assert_invariants(coupon)


# Committed, since PostgreSQL tells two versions of a row apart by their transactions.
@pytest.mark.django_db(transaction=True)
def test_a_coupon_that_was_edited_meanwhile_is_judged_anew() -> None:
    """The shelf still has the coupon as it was; the claim gets what its marketer says now."""
    coupon = factories.make_coupon(usable_days=1)
    known = shelf.get(coupon.public_id)
    Coupon.objects.filter(pk=coupon.pk).update(usable_days=30)
    plain = plain_claim(shopper=factories.make_shopper(), coupon=known, channel=ClaimChannel.WEB, now=NOW)
    assert plain is not None
    assert not grant_at_once(plain)
    claim = claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
    assert claim.expires_at == NOW + timedelta(days=30)


@pytest.mark.reliability(9)
@pytest.mark.django_db(transaction=True)
def test_a_pause_counts_at_once(coupon: Coupon, shopper: User) -> None:
    shelf.get(coupon.public_id)
    Coupon.objects.filter(pk=coupon.pk).update(status=CouponStatus.PAUSED)
    assert granted(coupon, shopper) is None
    with pytest.raises(DomainError, match="paused"):
        claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def test_nobody_overtakes_those_who_wait(coupon: Coupon, shopper: User, outsider: User) -> None:
    sold_out = factories.make_coupon(stock=0)
    waiting_join(coupon=sold_out, shopper=outsider, now=NOW)
    sold_out.stock_buckets.update(remaining=1)
    assert granted(sold_out, shopper) is None
    assert granted(coupon, shopper)


@pytest.mark.parametrize(
    "fields",
    [
        {"handout": "code"},
        {"audience": "new_shoppers"},
        {"audience": "tagged", "audience_tag": "vip"},
        {"claim_starts_at": NOW + timedelta(microseconds=1)},
        {"claim_ends_at": NOW},
    ],
)
def test_whatever_has_to_be_asked_first_is_not_plain(fields: dict[str, Any]) -> None:
    coupon = shelf.get(factories.make_coupon(**fields).public_id)
    assert plain_claim(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW) is None


class TestUnderAKey:
    def claim(self, coupon: Coupon, shopper: User, key: str = "k", body: str = "b") -> Answer:
        return claim_create_once(
            attempt=Attempt(f"user:{shopper.pk}", key, body),
            shopper=shopper,
            coupon=coupon,
            channel=ClaimChannel.WEB,
            now=NOW,
            answer=lambda claim: Answer(201, {"claim": str(claim.public_id)}),
        )

    def test_the_answer_is_stored_with_the_claim(self, coupon: Coupon, shopper: User) -> None:
        answer = self.claim(coupon, shopper)
        assert answer.body == {"claim": str(Claim.objects.get().public_id)}
        assert answer_known(Attempt(f"user:{shopper.pk}", "k", "b")) == Answer(201, answer.body, replayed=True)
        assert self.claim(coupon, shopper) == Answer(201, answer.body, replayed=True)
        assert Claim.objects.count() == IdempotencyRecord.objects.count() == 1

    @pytest.mark.parametrize("buckets", [1, 16])
    def test_a_retry_hears_of_its_claim_when_everything_is_gone(self, buckets: int, shopper: User) -> None:
        """The gate would say "sold out"; the shopper has one."""
        coupon = factories.make_coupon(stock=1, bucket_count=buckets)
        answer = self.claim(coupon, shopper)
        for _shopper in range(2):
            with pytest.raises(SoldOut):
                self.claim(coupon, factories.make_shopper())
        assert self.claim(coupon, shopper) == Answer(201, answer.body, replayed=True)

    @pytest.mark.reliability(14)
    def test_the_key_stands_for_one_request(self, coupon: Coupon, shopper: User) -> None:
        self.claim(coupon, shopper)
        with pytest.raises(DomainError, match="idempotency_key_reused"):
            self.claim(coupon, shopper, body="other")

    @pytest.mark.reliability(16)
    def test_a_refusal_does_not_burn_the_key(self, shopper: User) -> None:
        coupon = factories.make_coupon(stock=0)
        with pytest.raises(SoldOut):
            self.claim(coupon, shopper)
        coupon.stock_buckets.update(remaining=1)
        assert self.claim(coupon, shopper).status == 201


class TestTheShelf:
    def test_it_asks_once(self, coupon: Coupon) -> None:
        mine = Shelf()
        first = mine.get(coupon.public_id)
        with CaptureQueriesContext(connection) as queries:
            assert mine.get(coupon.public_id) is first
        assert not queries.captured_queries
        mine.forget(coupon.public_id)
        assert mine.get(coupon.public_id) is not first

    def test_a_draft_is_never_kept(self) -> None:
        draft, mine = factories.make_coupon(status=CouponStatus.DRAFT), Shelf()
        mine.get(draft.public_id)
        Coupon.objects.filter(pk=draft.pk).update(status=CouponStatus.PUBLISHED)
        assert mine.get(draft.public_id).status == CouponStatus.PUBLISHED

    def test_an_unknown_id_is_not_found(self, shopper: User) -> None:
        with pytest.raises(NotFound):
            Shelf().get(shopper.public_id)

    def test_it_does_not_grow_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shelf_module, "PLACES", 2)
        mine = Shelf()
        for _coupon in range(5):
            mine.get(factories.make_coupon().public_id)
        assert len(mine._known) <= 2
