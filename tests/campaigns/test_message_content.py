"""What a reminder says, in both languages and the shop's time zone, and that no text can break out of its place."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest
from django.utils import translation
from pytest_django import Settings

from campaigns.selectors.message_content import one_line
from campaigns.services.sending import messages_send_due
from coupons.models import Coupon
from coupons.wording import end_in_words
from tests import factories
from tests.campaigns.makers import make_due_email
from tests.campaigns.smtp import MailServer
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def sent_email(mail_server: MailServer, *, shopper: User | None = None, **coupon_fields: object) -> EmailMessage:
    make_due_email(shopper=shopper, **coupon_fields)
    assert messages_send_due(now=NOW).sent == 1
    return mail_server.accepted[-1]


def subject_of(email: EmailMessage) -> str:
    # A long subject is folded right after its name, which leaves a space in front.
    return str(email["Subject"]).strip()


def plain_of(email: EmailMessage) -> str:
    part = email.get_body(("plain",))
    assert part is not None
    return part.get_content()


def html_of(email: EmailMessage) -> str:
    part = email.get_body(("html",))
    assert part is not None
    return part.get_content()


def test_it_names_coupon_amount_end_and_where_to_go(mail_server: MailServer, settings: Settings) -> None:
    settings.SHOP_URL = "https://coupons.example.com"
    shopper = factories.make_shopper(name="Mei", email="mei@example.com")
    email = sent_email(mail_server, shopper=shopper, title_en="Fresh fruit", amount_off=12_50)

    assert email["To"] == "mei@example.com"
    # 20 hours after noon in Shanghai.
    assert subject_of(email) == "Fresh fruit – use it until Nov. 22, 2026, 8 a.m."
    for part in (plain_of(email), html_of(email)):
        assert "Hello Mei," in part
        assert "Fresh fruit" in part
        assert "¥12.50 off" in part
        assert "Nov. 22, 2026, 8 a.m. (Asia/Shanghai)" in part
        assert "https://coupons.example.com/wallet" in part
        assert f"https://coupons.example.com{Coupon.objects.get().get_absolute_url()}" in part
    assert email["List-Unsubscribe"] == "<https://coupons.example.com/accounts/>"
    assert email["Message-ID"].endswith("@coupons.example.com>")
    assert email["Auto-Submitted"] == "auto-generated"


def test_it_speaks_the_shopper_s_language(mail_server: MailServer) -> None:
    shopper = factories.make_shopper(language="zh-hans")
    email = sent_email(mail_server, shopper=shopper, title_en="Fresh fruit", title_zh="新鲜水果")

    assert "新鲜水果" in subject_of(email)
    assert "2026年11月22日" in subject_of(email)
    assert 'lang="zh-hans"' in html_of(email)
    assert "Fresh fruit" not in plain_of(email)


def test_a_title_with_line_breaks_adds_no_header(mail_server: MailServer) -> None:
    title = "Fruit\r\nBcc: everybody@example.com\n\nfree"
    email = sent_email(mail_server, title_en=title)

    assert email["Bcc"] is None
    assert subject_of(email).startswith("Fruit Bcc: everybody@example.com free – ")


def test_a_title_is_text_and_never_markup(mail_server: MailServer) -> None:
    shopper = factories.make_shopper(name="<b>Mei</b>")
    email = sent_email(mail_server, shopper=shopper, title_en="Fish & <script>alert(1)</script>")

    assert "<script>" not in html_of(email)
    assert "<b>Mei</b>" not in html_of(email)
    assert "Fish &amp; &lt;script&gt;" in html_of(email)
    assert "Fish & <script>" in plain_of(email)
    assert subject_of(email).startswith("Fish & <script>")


def test_a_shopper_without_a_name_is_greeted_too(mail_server: MailServer) -> None:
    assert plain_of(sent_email(mail_server)).splitlines()[0] == "Hello,"


@pytest.mark.parametrize("text", ["a\u2028b", "a\x00b", "a\x0bb", "a\u202eb", "a\x85b", " a \t b "])
def test_one_line_holds_no_control_characters(text: str) -> None:
    assert one_line(text) == "a b"


def test_midnight_is_the_end_of_the_day_before() -> None:
    assert end_in_words(datetime(2026, 11, 22, 16, 0, tzinfo=UTC)) == "the end of Nov. 22, 2026"
    assert end_in_words(datetime(2026, 11, 22, 16, 1, tzinfo=UTC)) == "Nov. 23, 2026, 12:01 a.m."


def test_the_end_is_told_in_the_shop_s_time_zone(settings: Settings) -> None:
    settings.TIME_ZONE = "America/New_York"

    assert end_in_words(datetime(2026, 11, 22, 16, 0, tzinfo=UTC)) == "Nov. 22, 2026, 11 a.m."


def test_the_end_follows_the_active_language() -> None:
    with translation.override("zh-hans"):
        assert "2026年11月23日 08:30" in end_in_words(NOW + timedelta(hours=44, minutes=30))
