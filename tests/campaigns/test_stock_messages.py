"""Low stock told to operators, and grants from a waiting list to their shoppers: each once."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from campaigns import tasks
from campaigns.enums import MessageTopic
from campaigns.models import Message
from campaigns.selectors.inbox import inbox_entries
from campaigns.services.sending import messages_send_due
from campaigns.services.stock_watch import stock_watch
from campaigns.services.waiting_notes import waiting_notes_enqueue
from coupons.models import Coupon, StockPolicy
from coupons.services.stock import stock_top_up
from coupons.services.waiting import waiting_grant_due, waiting_join
from tests import factories
from tests.campaigns.makers import emails
from tests.campaigns.smtp import MailServer
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def make_low(**policy: object) -> Coupon:
    coupon = factories.make_coupon(stock=3, title_en="Fresh fruit", title_zh="新鲜水果")
    StockPolicy.objects.create(coupon=coupon, **{"low_below": 5, **policy})
    return coupon


def grant(shopper: User) -> Coupon:
    coupon = factories.make_coupon(stock=0, title_en="Fresh fruit", title_zh="新鲜水果")
    waiting_join(coupon=coupon, shopper=shopper, now=NOW)
    stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
    assert waiting_grant_due(now=NOW) == 1
    return coupon


def told() -> set[tuple[int, str]]:
    return set(Message.objects.values_list("shopper", "channel"))


class TestLowStock:
    def test_is_told_to_whoever_may_change_coupons(self, marketer: User, shopper: User) -> None:
        by_role = factories.make_shopper(is_staff=True)
        role = Group.objects.create(name="Buyers")
        role.permissions.add(Permission.objects.get(codename="change_coupon"))
        by_role.groups.add(role)
        factories.make_shopper(is_staff=True)
        factories.make_marketer(is_active=False)
        make_low()

        assert stock_watch(now=NOW) == 1

        assert told() == {(each.pk, channel) for each in (marketer, by_role) for channel in ("in_app", "email")}
        assert {message.topic for message in Message.objects.all()} == {MessageTopic.LOW_STOCK}

    @pytest.mark.reliability(26)
    def test_is_told_once_for_a_crossing(self, marketer: User) -> None:
        coupon = make_low()
        assert (tasks.watch_stock(), tasks.watch_stock()) == (1, 0)
        assert Message.objects.count() == 2
        stock_top_up(coupon=coupon, quantity=9, actor=marketer, now=NOW)
        assert stock_watch(now=NOW) == 0
        assert not StockPolicy.objects.get().is_low

    def test_is_forgotten_when_it_could_not_be_told(self, marketer: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """Crash between noticing and writing: the next run tells it."""
        make_low()
        with monkeypatch.context() as broken:
            broken.setattr("campaigns.services.stock_watch.messages_write", lambda **_details: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                stock_watch(now=NOW)
        assert stock_watch(now=NOW) == 1

    def test_stops_a_coupon_that_is_sold_out_for_good(self, marketer: User) -> None:
        coupon = factories.make_coupon(stock=0)
        StockPolicy.objects.create(coupon=coupon, low_below=1, stop_when_sold_out=True)
        stock_watch(now=NOW)
        coupon.refresh_from_db()
        assert coupon.status == "ended"

    @pytest.mark.parametrize(
        ("language", "words"), [("en", "Stock is low: Fresh fruit, 3 left"), ("zh-hans", "库存偏低：新鲜水果，剩 3 张")]
    )
    def test_says_which_and_how_many_and_leads_there(self, mail_server: MailServer, language: str, words: str) -> None:
        factories.make_marketer(language=language)
        coupon = make_low()
        stock_watch(now=NOW)
        assert messages_send_due(now=NOW).sent == 1
        email = mail_server.accepted[-1]
        assert str(email["Subject"]).strip() == words
        for kind in ("plain", "html"):
            part = email.get_body((kind,))
            assert part is not None
            assert reverse("admin:coupons_coupon_change", args=[coupon.pk]) in part.get_content()

    def test_stands_in_the_operators_inbox(self, marketer: User, client: Client) -> None:
        coupon = make_low()
        stock_watch(now=NOW)
        (entry,) = inbox_entries(shopper=marketer, now=NOW)
        assert entry.title == "Stock is low: Fresh fruit, 3 left"
        assert entry.url == reverse("admin:coupons_coupon_change", args=[coupon.pk])

    def test_the_command_says_what_it_did(self, marketer: User) -> None:
        make_low()
        out = StringIO()
        call_command("watch_stock", stdout=out)
        assert "Told operators of 1 coupons." in out.getvalue()


class TestGrants:
    @pytest.mark.reliability(26)
    def test_are_told_once_by_each_channel(self, shopper: User) -> None:
        grant(shopper)
        assert (waiting_notes_enqueue(now=NOW), waiting_notes_enqueue(now=NOW)) == (1, 0)
        assert told() == {(shopper.pk, "in_app"), (shopper.pk, "email")}

    def test_are_told_in_the_app_alone_to_who_wants_no_e_mails(self) -> None:
        grant(factories.make_shopper(wants_reminders=False))
        waiting_notes_enqueue(now=NOW)
        assert not emails().exists()
        assert Message.objects.count() == 1

    def test_are_no_news_after_a_day(self, shopper: User) -> None:
        grant(shopper)
        assert waiting_notes_enqueue(now=NOW + timedelta(days=1)) == 0

    def test_many_are_told_in_chunks(self) -> None:
        for _number in range(3):
            grant(factories.make_shopper())
        assert waiting_notes_enqueue(now=NOW, chunk_size=2) == 3

    @pytest.mark.parametrize(
        ("language", "words"), [("en", "you waited for this coupon"), ("zh-hans", "你候补的这张优惠券到手了")]
    )
    def test_say_what_it_is(self, mail_server: MailServer, language: str, words: str) -> None:
        grant(factories.make_shopper(language=language))
        waiting_notes_enqueue(now=NOW)
        assert messages_send_due(now=NOW).sent == 1
        for kind in ("plain", "html"):
            part = mail_server.accepted[-1].get_body((kind,))
            assert part is not None
            assert words in part.get_content()
            assert "expires soon" not in part.get_content()
