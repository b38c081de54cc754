"""The page of a lottery, its button, its published file, and the strip on the showcase."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config.kernel.clock import database_now
from coupons.draws import faults_of
from coupons.models import Lottery, LotteryEntry
from coupons.services.lotteries import lottery_draw, lottery_enter, lottery_seal
from coupons.services.publishing import coupon_end, coupon_pause
from tests.factories import LONG_AGO, LONG_FROM_NOW, NOW, make_lottery, make_shopper
from users.models import User

HTMX = {"HX-Request": "true"}
YESTERDAY = LONG_AGO + timedelta(days=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def page(client: Client, lottery: Lottery, headers: dict[str, str] | None = None) -> str:
    answer = client.get(lottery.get_absolute_url(), headers=headers or {})
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, lottery: Lottery, *, key: str | None = None, htmx: bool = True) -> Any:
    path = reverse("coupons:enter_lottery", args=[lottery.public_id])
    return client.post(path, {"key": key or str(uuid4())}, headers=HTMX if htmx else {})


def proof(client: Client, lottery: Lottery) -> dict[str, Any]:
    answer = client.get(reverse("coupons:lottery_proof", args=[lottery.public_id]))
    assert answer["Content-Disposition"] == f'attachment; filename="lottery-{lottery.public_id}.json"'
    return json.loads(b"".join(answer.streaming_content))


def over(*entrants: User, **changes: Any) -> Lottery:
    """A lottery that has closed by every clock, with these entries."""
    lottery = make_lottery(closes_at=YESTERDAY, **changes)
    for shopper in entrants:
        lottery_enter(lottery=lottery, shopper=shopper, now=LONG_AGO)
    return lottery


class TestFace:
    def test_before_it_opens_it_counts_down(self, signed_in: Client) -> None:
        shown = page(signed_in, make_lottery(opens_at=LONG_FROM_NOW - timedelta(days=1)))
        assert 'datetime="2099-12-31T00:00:00Z" data-countdown="opens in {time}"' in shown
        assert "lottery-enter" not in shown

    def test_open_it_has_one_large_button_and_the_rules(self, signed_in: Client) -> None:
        lottery = make_lottery(weight_tag="vip", weight=3)
        shown = page(signed_in, lottery)
        for words in ("lottery-enter", "3 winners · 0 entered", "Shoppers with the tag “vip” have 3 lots", "¥10"):
            assert words in shown

    def test_a_stranger_is_asked_to_sign_in_and_comes_back(self, client: Client) -> None:
        lottery = make_lottery()
        assert f"{reverse('users:sign_in')}?next={lottery.get_absolute_url()}" in page(client, lottery)
        answer = press(client, lottery, htmx=False)
        assert answer.status_code == 302
        assert answer.url.endswith(f"?next={lottery.get_absolute_url()}")

    def test_closed_it_waits_for_the_draw(self, signed_in: Client, shopper: User) -> None:
        lottery = over(shopper)
        shown = page(signed_in, lottery)
        assert "Entries are closed." in shown
        assert "every 15s" in shown
        assert "You are in." in shown

    @pytest.mark.parametrize(
        ("language", "words"),
        [("en", ["You won!", "The coupon is in your wallet"]), ("zh-hans", ["恭喜中奖", "券已放入你的券包"])],
    )
    def test_a_winner_reads_so_in_both_languages(
        self, signed_in: Client, shopper: User, language: str, words: list[str]
    ) -> None:
        lottery = lottery_draw(lottery=over(shopper), now=NOW)
        shown = page(signed_in, lottery, {"Accept-Language": language})
        assert [word for word in words if word not in shown] == []

    def test_a_winner_whose_prize_has_to_wait_is_told(self, signed_in: Client, shopper: User, marketer: User) -> None:
        lottery = over(shopper)
        coupon_pause(coupon=lottery.coupon, actor=marketer, now=NOW)
        lottery_draw(lottery=lottery, now=NOW)
        assert "as soon as it can be handed out" in page(signed_in, lottery)

    def test_who_did_not_win_and_who_was_not_there(self, client: Client) -> None:
        crowd = [make_shopper() for _ in range(4)]
        lottery = lottery_draw(lottery=over(*crowd), now=NOW)
        loser = LotteryEntry.objects.get(rank=None).shopper
        assert "The winners have been drawn." in page(client, lottery)
        client.force_login(loser, backend="users.backends.IdentifierBackend")
        assert "Not this time." in page(client, lottery)

    def test_paused_and_called_off_say_so(self, signed_in: Client, marketer: User) -> None:
        paused, ended = make_lottery(), make_lottery()
        coupon_pause(coupon=paused.coupon, actor=marketer, now=NOW)
        coupon_end(coupon=ended.coupon, actor=marketer, now=NOW)
        assert "paused for the moment" in page(signed_in, paused)
        assert "called off" in page(signed_in, ended)

    def test_an_unknown_lottery_has_no_page(self, signed_in: Client) -> None:
        assert signed_in.get(reverse("coupons:lottery", args=[uuid4()])).status_code == 404
        assert signed_in.get(reverse("coupons:lottery_proof", args=[uuid4()])).status_code == 404
        assert signed_in.post(reverse("coupons:enter_lottery", args=[uuid4()])).status_code == 404

    def test_it_takes_the_same_queries_however_many_entered(self, signed_in: Client) -> None:
        lottery = make_lottery()

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                page(signed_in, lottery, HTMX)
            return len(captured)

        few = queries()
        for _ in range(10):
            lottery_enter(lottery=lottery, shopper=make_shopper(), now=NOW)
        assert queries() == few


class TestButton:
    def test_gives_a_ticket_and_shows_it_at_once(self, signed_in: Client, shopper: User) -> None:
        lottery = make_lottery()
        answer = press(signed_in, lottery)
        assert answer.status_code == 200
        entry = LotteryEntry.objects.get()
        assert entry.shopper == shopper
        for words in ("You are in!", str(entry.ticket), "1 entered", "is-answer"):
            assert words in answer.content.decode()

    def test_works_without_scripts(self, signed_in: Client) -> None:
        lottery = make_lottery()
        answer = press(signed_in, lottery, htmx=False)
        assert (answer.status_code, answer.url) == (302, lottery.get_absolute_url())
        assert "You are in!" in page(signed_in, lottery)

    def test_a_second_press_under_any_key_is_the_same_ticket(self, signed_in: Client) -> None:
        lottery = make_lottery()
        for key in ("one", "one", "two"):
            assert press(signed_in, lottery, key=key).status_code == 200
        assert LotteryEntry.objects.count() == 1

    @pytest.mark.parametrize("htmx", [True, False])
    def test_coming_too_late_is_told(self, signed_in: Client, htmx: bool) -> None:
        lottery = over()
        answer = press(signed_in, lottery, htmx=htmx)
        if htmx:
            assert answer.status_code == 409
            assert 'role="alert">This lottery takes no more entries.' in answer.content.decode()
        else:
            assert "This lottery takes no more entries." in page(signed_in, lottery)
        assert not LotteryEntry.objects.exists()


class TestProof:
    def test_the_fingerprint_of_the_seed_is_there_from_the_beginning_and_the_seed_is_not(self, client: Client) -> None:
        lottery = make_lottery()
        shown = page(client, lottery)
        assert lottery.seed_commitment in shown
        assert lottery.seed not in shown
        assert "still secret" in shown
        assert "check_draw.py" not in shown

    def test_the_tickets_are_there_once_their_list_is_fixed(self, client: Client, shopper: User) -> None:
        lottery = lottery_seal(lottery=over(shopper), now=NOW)
        shown, file = page(client, lottery), proof(client, lottery)
        assert lottery.entries_commitment in shown
        assert lottery.seed not in shown
        assert (len(file["entries"]), file["seed"]) == (1, None)

    def test_after_the_draw_everybody_can_draw_again(self, client: Client, shopper: User) -> None:
        lottery = lottery_draw(lottery=over(shopper, make_shopper()), now=NOW)
        assert lottery.seed in page(client, lottery)
        assert faults_of(proof(client, lottery)) == []

    def test_no_person_is_in_the_file(self, client: Client) -> None:
        person = make_shopper(name="Wang Xiaoming", username="wang-xm", external_id="customer-7")
        text = json.dumps(proof(client, lottery_draw(lottery=over(person), now=NOW)))
        for secret in ("Wang", "wang-xm", "customer-7", str(person.public_id)):
            assert secret not in text


class TestStrip:
    def test_the_showcase_leads_to_open_lotteries(self, client: Client) -> None:
        lottery = make_lottery()

        def showcase(**asked: str) -> str:
            return client.get(reverse("coupons:showcase"), asked).content.decode()

        assert f'href="{lottery.get_absolute_url()}"' in showcase()
        assert lottery.coupon.get_absolute_url() not in showcase()
        assert lottery.get_absolute_url() not in showcase(q="milk")

    @pytest.mark.parametrize(("is_drawn", "words"), [(False, "Awaiting the draw"), (True, "Drawn: see your result")])
    def test_and_to_the_result_of_those_one_entered(
        self, signed_in: Client, shopper: User, is_drawn: bool, words: str
    ) -> None:
        lottery = make_lottery(closes_at=LONG_FROM_NOW)
        lottery_enter(lottery=lottery, shopper=shopper, now=NOW)
        # An hour ago by every clock.
        Lottery.objects.filter(pk=lottery.pk).update(closes_at=database_now() - timedelta(hours=1))
        if is_drawn:
            lottery_draw(lottery=lottery, now=database_now())
        assert words in signed_in.get(reverse("coupons:showcase")).content.decode()
