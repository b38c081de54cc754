"""The demo's lotteries: one open whenever the demo is, one drawn that can be checked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command

from campaigns.demo.lottery import ensure_lotteries
from coupons.models import Lottery, LotteryEntry
from coupons.selectors.lotteries import lotteries_shown
from coupons.services.lotteries import draw_lotteries
from tests.factories import NOW, make_shopper
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db


def test_one_is_drawn_and_one_is_open(marketer: User, shopper: User) -> None:
    for number in range(40):
        make_shopper(external_id=f"cj-{number}")
    drawn, still_open = ensure_lotteries(actor=marketer, now=NOW)
    assert drawn.drawn_at is not None
    assert LotteryEntry.objects.winners().filter(lottery=drawn, claim__isnull=False).count() == 6
    assert LotteryEntry.objects.filter(lottery=still_open).count() == 30
    assert list(lotteries_shown(now=NOW, shopper=shopper)) == [still_open]
    call_command("verify_draw", str(drawn.public_id))
    assert_invariants(drawn.coupon)


def test_they_are_made_again_only_when_they_are_over(marketer: User) -> None:
    ensure_lotteries(actor=marketer, now=NOW)
    assert ensure_lotteries(actor=marketer, now=NOW + timedelta(hours=1)) == []
    later = NOW + timedelta(days=4)
    draw_lotteries(now=later)
    assert len(ensure_lotteries(actor=marketer, now=later)) == 1
    assert Lottery.objects.count() == 3
