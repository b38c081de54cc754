"""The page of a red packet, its button, and the strip on the showcase."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from coupons.enums import RedPacketSplit
from coupons.models import Claim, RedPacket
from coupons.services.publishing import coupon_pause
from coupons.services.red_packets import red_packet_grab
from tests.factories import LONG_AGO, LONG_FROM_NOW, NOW, make_red_packet, make_shopper
from users.models import User

HTMX = {"HX-Request": "true"}
BOARD = {**HTMX, "HX-Target": "red-packet-board"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def page(client: Client, packet: RedPacket, headers: dict[str, str] | None = None, **asked: str) -> str:
    answer = client.get(packet.get_absolute_url(), asked, headers=headers or {})
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, packet: RedPacket, *, key: str | None = None, htmx: bool = True):
    path = reverse("coupons:open_red_packet", args=[packet.public_id])
    return client.post(path, {"key": key or str(uuid4())}, headers=HTMX if htmx else {})


class TestFace:
    def test_before_it_opens_it_counts_down(self, signed_in: Client) -> None:
        packet = make_red_packet(opens_at=LONG_FROM_NOW - timedelta(days=1))
        shown = page(signed_in, packet)
        assert 'datetime="2099-12-31T00:00:00Z" data-countdown="opens in {time}"' in shown
        assert 'hx-trigger="countdown-over"' in shown
        assert "packet-open" not in shown

    def test_open_it_has_one_large_button(self, signed_in: Client) -> None:
        packet = make_red_packet()
        shown = page(signed_in, packet)
        assert '<button type="submit" class="packet-open">Open</button>' in shown
        assert "¥20.00 in 10 shares" in shown
        assert "0 of 10 taken" in shown

    def test_a_stranger_is_asked_to_sign_in_and_comes_back(self, client: Client) -> None:
        packet = make_red_packet()
        assert f"{reverse('users:sign_in')}?next={packet.get_absolute_url()}" in page(client, packet)
        answer = press(client, packet, htmx=False)
        assert answer.status_code == 302
        assert answer.url.endswith(f"?next={packet.get_absolute_url()}")

    @pytest.mark.parametrize(
        ("language", "words"),
        [("en", ["You got", "¥2.00", "usable until"]), ("zh-hans", ["你抢到了", "¥2.00", "可用至"])],
    )
    def test_opened_it_shows_the_amount_in_both_languages(
        self, signed_in: Client, shopper: User, language: str, words: list[str]
    ) -> None:
        packet = make_red_packet()
        red_packet_grab(packet=packet, shopper=shopper, now=NOW)
        shown = page(signed_in, packet, {"Accept-Language": language})
        assert [word for word in words if word not in shown] == []

    def test_what_is_reserved_for_others_says_so(self, signed_in: Client) -> None:
        shown = page(signed_in, make_red_packet(owners=[make_shopper()]))
        assert "reserved for shoppers who bought something" in shown
        assert "packet-open" not in shown

    def test_paused_all_taken_and_over_say_so(self, signed_in: Client, marketer: User) -> None:
        paused, gone, over = (
            make_red_packet(),
            make_red_packet(share_count=1),
            make_red_packet(ends_at=LONG_AGO + timedelta(days=1)),
        )
        coupon_pause(coupon=paused.coupon, actor=marketer, now=NOW)
        red_packet_grab(packet=gone, shopper=make_shopper(), now=NOW)
        assert "paused for the moment" in page(signed_in, paused)
        assert "All shares have been taken." in page(signed_in, gone)
        assert "This red packet is over." in page(signed_in, over)

    def test_an_unknown_packet_has_no_page(self, signed_in: Client) -> None:
        assert signed_in.get(reverse("coupons:red_packet", args=[uuid4()])).status_code == 404
        assert signed_in.post(reverse("coupons:open_red_packet", args=[uuid4()])).status_code == 404


class TestButton:
    def test_gives_a_share_and_shows_it_at_once(self, signed_in: Client, shopper: User) -> None:
        packet = make_red_packet()
        answer = press(signed_in, packet)
        assert answer.status_code == 200
        shown = answer.content.decode()
        assert "is-opening" in shown
        assert "It is yours!" in shown
        assert "1 of 10 taken" in shown
        assert Claim.objects.get().shopper == shopper

    def test_works_without_scripts(self, signed_in: Client) -> None:
        packet = make_red_packet()
        answer = press(signed_in, packet, htmx=False)
        assert (answer.status_code, answer.url) == (302, packet.get_absolute_url())
        assert "It is yours!" in page(signed_in, packet)

    def test_a_second_press_under_any_key_is_the_same_share(self, signed_in: Client) -> None:
        packet = make_red_packet()
        for key in ("one", "one", "two"):
            assert press(signed_in, packet, key=key).status_code == 200
        assert Claim.objects.count() == 1

    @pytest.mark.parametrize("htmx", [True, False])
    def test_coming_too_late_is_told_and_not_punished(self, signed_in: Client, htmx: bool) -> None:
        packet = make_red_packet(share_count=1)
        red_packet_grab(packet=packet, shopper=make_shopper(), now=NOW)
        answer = press(signed_in, packet, htmx=htmx)
        if htmx:
            assert answer.status_code == 409
            assert 'role="alert">All shares have been taken.' in answer.content.decode()
        else:
            assert "All shares of this red packet have been taken." in page(signed_in, packet)
        assert Claim.objects.count() == 1


class TestWhoGotWhat:
    def test_names_are_masked_and_nothing_else_of_a_person_is_shown(self, signed_in: Client, shopper: User) -> None:
        packet = make_red_packet()
        others = [
            make_shopper(name="Wang Xiaoming", email="wang@example.com", phone="+8613800001234"),
            make_shopper(name="", username="nameless-person"),
        ]
        for person in [shopper, *others]:
            red_packet_grab(packet=packet, shopper=person, now=NOW)
        shown = page(signed_in, packet)
        for words in ("W***", "A shopper", ">You<", "3 of 10 taken"):
            assert words in shown
        for secret in ("Xiaoming", "wang@", "1234", "nameless-person"):
            assert secret not in shown

    def test_who_has_not_opened_it_sees_how_many_and_not_who(self, signed_in: Client) -> None:
        packet = make_red_packet()
        red_packet_grab(packet=packet, shopper=make_shopper(name="Wang"), now=NOW)
        shown = page(signed_in, packet)
        assert "1 of 10 taken" in shown
        assert "W***" not in shown

    def test_the_luckiest_is_named_once_all_are_taken(self, client: Client) -> None:
        packet = make_red_packet(split=RedPacketSplit.RANDOM, share_count=3)
        shoppers = [make_shopper(name=name) for name in ("Ann", "Bo", "Chen")]
        client.force_login(shoppers[0], backend="users.backends.IdentifierBackend")
        for shopper in shoppers:
            assert "Luckiest" not in page(client, packet)
            red_packet_grab(packet=packet, shopper=shopper, now=NOW)
        assert page(client, packet).count("Luckiest") == 1

    def test_the_list_grows_on_demand_and_keeps_its_length_while_it_lives(self, client: Client) -> None:
        packet = make_red_packet(share_count=40)
        for _ in range(35):
            red_packet_grab(packet=packet, shopper=(shopper := make_shopper()), now=NOW)
        client.force_login(shopper, backend="users.backends.IdentifierBackend")
        first, second = page(client, packet, BOARD), page(client, packet, BOARD, page="2")
        assert (first.count('class="packet-row'), second.count('class="packet-row')) == (30 + 1, 35 + 1)
        assert f'href="{packet.get_absolute_url()}?page=2"' in first
        assert "more-shares" not in second
        assert f'hx-get="{packet.get_absolute_url()}?page=2" hx-trigger="every 5s"' in second
        assert "<h1" not in first

    @pytest.mark.parametrize("asked", ["0", "-1", "x", "²", "9" * 30])
    def test_an_unreadable_page_is_the_first_or_the_last(self, signed_in: Client, asked: str) -> None:
        page(signed_in, make_red_packet(), page=asked)

    def test_an_ended_packet_is_not_asked_again(self, signed_in: Client) -> None:
        assert "every 5s" not in page(signed_in, make_red_packet(ends_at=LONG_AGO + timedelta(days=1)))

    def test_it_takes_the_same_queries_however_many_names(self, signed_in: Client, shopper: User) -> None:
        packet = make_red_packet(share_count=30)
        red_packet_grab(packet=packet, shopper=shopper, now=NOW)

        def queries() -> int:
            with CaptureQueriesContext(connection) as captured:
                page(signed_in, packet, BOARD)
            return len(captured)

        few = queries()
        for _ in range(20):
            red_packet_grab(packet=packet, shopper=make_shopper(), now=NOW)
        assert queries() == few


class TestStrip:
    def test_the_showcase_leads_to_open_packets(self, signed_in: Client, shopper: User) -> None:
        packet = make_red_packet(title_en="Weekend red packet")

        def showcase(**asked: str) -> str:
            return signed_in.get(reverse("coupons:showcase"), asked).content.decode()

        assert f'href="{packet.get_absolute_url()}"' in showcase()
        assert packet.get_absolute_url() not in showcase(q="milk")
        red_packet_grab(packet=packet, shopper=shopper, now=NOW)
        assert packet.get_absolute_url() not in showcase()

    def test_the_coupon_of_a_packet_is_not_among_the_others(self, client: Client) -> None:
        packet = make_red_packet(title_en="Weekend red packet")
        assert packet.coupon.get_absolute_url() not in client.get(reverse("coupons:showcase")).content.decode()
