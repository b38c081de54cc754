"""A marketer announces a lottery in one form, watches it and draws it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from coupons.enums import Handout, LotteryState
from coupons.models import Claim, Coupon, Lottery
from coupons.services.lotteries import lottery_enter
from tests.factories import LONG_AGO, NOW, make_coupon, make_lottery, make_shopper

ADD = "admin:coupons_lottery_add"
DIALOG = {"_form_submitted": "on"}
YESTERDAY = LONG_AGO + timedelta(days=1)


@pytest.fixture
def prize(db: None) -> Coupon:
    return make_coupon(handout=Handout.LOTTERY)


def new_lottery(prize: Coupon, **changes: Any) -> dict[str, Any]:
    """What a browser sends from the form, filled in for three winners."""
    return {
        "title_zh": "周末抽奖",
        "title_en": "Weekend lottery",
        "coupon": str(prize.pk),
        "winner_count": "3",
        "opens_at_0": "2026-11-21",
        "opens_at_1": "20:00",
        "closes_at_0": "2099-11-30",
        "closes_at_1": "",
        "weight_tag": "",
        "weight": "1",
        **changes,
    }


def test_one_form_announces_it(marketer_client: Client, prize: Coupon) -> None:
    response = marketer_client.post(reverse(ADD), new_lottery(prize, weight_tag="vip", weight="3"))
    assert response.status_code == 302, response.context["errors"]
    lottery = Lottery.objects.get()
    assert (lottery.coupon, lottery.winner_count, lottery.weight_tag, lottery.weight) == (prize, 3, "vip", 3)
    assert lottery.opens_at == datetime(2026, 11, 21, 12, tzinfo=UTC)
    # The whole of the last day.
    assert lottery.closes_at == datetime(2099, 11, 30, 16, tzinfo=UTC)
    assert lottery.seed_commitment


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"winner_count": "101"}, "winner_count", "less stock"),
        ({"winner_count": "100001"}, "winner_count", "100000"),
        ({"winner_count": "0"}, "", "at least one winner"),
        ({"closes_at_0": "2026-11-20"}, "closes_at", "after it opens"),
        ({"weight_tag": "vip"}, "weight", "at least 2"),
        ({"weight_tag": "vip", "weight": "101"}, "", "between 1 and 100"),
        ({"coupon": ""}, "coupon", ""),
    ],
)
def test_what_does_not_work_is_said_beside_its_field(
    marketer_client: Client, prize: Coupon, changes: dict[str, str], field: str, words: str
) -> None:
    response = marketer_client.post(reverse(ADD), new_lottery(prize, **changes))
    assert response.status_code == 200
    assert words in str(response.context["adminform"].form.errors[field or "__all__"])
    assert not Lottery.objects.exists()


def test_only_coupons_drawn_by_lot_are_offered(marketer_client: Client, prize: Coupon) -> None:
    other, draft = make_coupon(), make_coupon(handout=Handout.LOTTERY, state="draft")
    page = marketer_client.get(reverse(ADD)).content.decode()
    assert f'<option value="{prize.pk}"' in page
    for coupon in (other, draft):
        assert f'<option value="{coupon.pk}"' not in page
        response = marketer_client.post(reverse(ADD), new_lottery(coupon))
        assert "coupon" in response.context["adminform"].form.errors


def test_announced_it_is_shown_and_never_edited(superuser_client: Client) -> None:
    lottery = make_lottery()
    entry = lottery_enter(lottery=lottery, shopper=make_shopper(username="lucky-one"), now=NOW)
    path = reverse("admin:coupons_lottery_change", args=[lottery.pk])
    page = superuser_client.get(path).content.decode()
    for words in ("lucky-one", str(entry.ticket), lottery.seed_commitment):
        assert words in page
    assert lottery.seed not in page
    assert superuser_client.post(path, {"winner_count": "999"}).status_code == 403
    assert superuser_client.post(reverse("admin:coupons_lottery_delete", args=[lottery.pk])).status_code == 403


def test_drawing_asks_once_and_only_after_the_closing(marketer_client: Client) -> None:
    still_open, closed = make_lottery(), make_lottery(closes_at=YESTERDAY)
    lottery_enter(lottery=closed, shopper=make_shopper(), now=LONG_AGO)
    draw = reverse("admin:coupons_lottery_draw", args=[closed.pk])

    def page(lottery: Lottery) -> str:
        return marketer_client.get(reverse("admin:coupons_lottery_change", args=[lottery.pk])).content.decode()

    assert reverse("admin:coupons_lottery_draw", args=[still_open.pk]) not in page(still_open)
    assert draw in page(closed)
    assert marketer_client.get(draw).status_code == 200
    assert not Claim.objects.exists()
    marketer_client.post(draw, DIALOG)
    closed.refresh_from_db()
    assert closed.state == LotteryState.DRAWN
    assert Claim.objects.count() == 1
    assert draw not in page(closed)


def test_pressing_too_early_is_refused(marketer_client: Client) -> None:
    lottery = make_lottery()
    marketer_client.post(reverse("admin:coupons_lottery_draw", args=[lottery.pk]), DIALOG)
    lottery.refresh_from_db()
    assert lottery.state == LotteryState.OPEN
