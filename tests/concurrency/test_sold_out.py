"""Who hears "sold out" hears it beside an instant at which nothing was left, however often stock comes back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import pytest
from django.db import transaction

from coupons.enums import ClaimChannel
from coupons.errors import SoldOut
from coupons.models import Coupon
from coupons.services import stock as stock_service
from coupons.services.claims import claim_create
from coupons.services.stock import stock_top_up
from tests import factories
from tests.concurrency.crowd import rush
from tests.factories import NOW
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


class Changed(Exception):
    """The caller of a claim changes its mind, and rolls it back."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call and when it ran; `units` is what it added to what is left, for good."""

    began: float
    ended: float
    answer: str
    units: int = 0


def timed(call: Callable[[], Any], *, units: int) -> Attempt:
    began = perf_counter()
    try:
        call()
        answer = "done"
    except (SoldOut, Changed) as error:
        answer, units = type(error).__name__, 0
    return Attempt(began, perf_counter(), answer, units)


def crowd_of(count: int, *, name: str = "crowd") -> list[User]:
    return User.objects.bulk_create(User(username=f"{name}-{number}", password="!") for number in range(count))


def claim(coupon: Coupon, shopper: User) -> None:
    claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def claim_and_change_mind(coupon: Coupon, shopper: User) -> None:
    with transaction.atomic():
        claim(coupon, shopper)
        raise Changed


def rush_beside_top_ups(coupon: Coupon, shoppers: Sequence[User]) -> list[Attempt]:
    """Everybody claims, a third of them gives up again, and a unit or two come back all the time."""
    calls = []
    for number, shopper in enumerate(shoppers):
        verb, units = (claim_and_change_mind, 0) if number % 3 == 0 else (claim, -1)
        calls.append(partial(timed, partial(verb, coupon, shopper), units=units))
        if number % 8 == 0:
            more = 1 + number % 2
            top_up = partial(stock_top_up, coupon=coupon, quantity=more, actor=None, now=NOW)
            calls.append(partial(timed, top_up, units=more))
    return rush(calls, threads=20)


def false_refusals(attempts: Sequence[Attempt], stock: int) -> list[Attempt]:
    """Those who heard "sold out" although at every instant of their call something was left for certain.

    Certain is what was added by calls that had ended, less what was taken by calls that had begun: a claim that will
    succeed may have its unit from its first moment on, and one that is rolled back takes nothing.
    """
    certain = [(each.ended if each.units > 0 else each.began, each.units) for each in attempts if each.units]

    def left_for_certain(moment: float) -> int:
        return stock + sum(units for at, units in certain if at <= moment)

    refused = [each for each in attempts if each.answer == "SoldOut"]
    return [
        each
        for each in refused
        if all(
            left_for_certain(moment) > 0
            for moment in (each.began, *(at for at, _units in certain if each.began <= at <= each.ended))
        )
    ]


@pytest.mark.parametrize("buckets", [1, 16])
@pytest.mark.reliability(11)
def test_every_sold_out_overlaps_an_instant_at_which_nothing_was_left(buckets: int, figures: Figures) -> None:
    times, refused, false = rounds(short=2, long=100), 0, 0
    for number in range(times):
        coupon = factories.make_coupon(stock=5, bucket_count=buckets)
        shoppers = crowd_of(200, name=f"crowd-{number}")
        attempts = rush_beside_top_ups(coupon, shoppers)
        refused += sum(each.answer == "SoldOut" for each in attempts)
        false += len(false_refusals(attempts, 5))
        assert_invariants(coupon)
    what = f'"sold out" beside stock that returns, in {buckets} rows'
    figures.note(11, what, rounds=times, beside=f"{refused:,} refused, {false} falsely")
    assert refused
    assert false == 0


@pytest.mark.reliability(11)
def test_control_without_the_wait_for_held_rows_some_are_refused_falsely(monkeypatch: pytest.MonkeyPatch) -> None:
    """The measure sees a false refusal: one unit, always in the hands of somebody who gives it back."""
    monkeypatch.setattr(stock_service, "_take_from_any_bucket", lambda _coupon_id: False)
    coupon = factories.make_coupon(stock=1, bucket_count=16)
    calls = [partial(timed, partial(claim_and_change_mind, coupon, each), units=0) for each in crowd_of(60)]
    attempts = rush(calls, threads=20)
    assert false_refusals(attempts, 1)
    assert coupon.stock.remaining() == 1
