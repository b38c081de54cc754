"""One-time codes: sent, used once, guessed at most five times, over after ten minutes."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from pytest_django import Settings

from config.kernel.clock import database_now
from config.kernel.errors import Busy
from tests import factories
from tests.factories import NOW
from tests.users.codes import HOME, MEI, last_digits, send, stored, use, wrong
from users.errors import CodeNotSent, OneTimeCodeOver, OneTimeCodeWrong, PasswordNeeded, SmsNotSetUp, TooManyCodes
from users.models import OneTimeCode, User
from users.models.one_time_code import LASTS, MAXIMUM_WRONG_TRIES
from users.services.accounts import account_update
from users.services.one_time_codes import one_time_code_send
from users.tasks import forget_one_time_codes

SENT_TEXTS: list[tuple[str, str]] = []

pytestmark = pytest.mark.django_db


def gateway(phone: str, text: str) -> None:
    """The SMS gateway of a shop."""
    SENT_TEXTS.append((phone, text))


class BrokenMail(EmailBackend):
    def send_messages(self, *_arguments: object) -> int:
        raise ConnectionRefusedError


class TestSending:
    def test_sends_six_digits_and_says_how_long_they_hold(self) -> None:
        _public_id, digits = send()
        assert mail.outbox[-1].to == [MEI]
        assert mail.outbox[-1].subject == "Your code for Quan"
        assert f"{digits} is your code for Quan. It holds for 10 minutes." in mail.outbox[-1].body

    def test_speaks_the_language_of_the_page(self) -> None:
        with translation.override("zh-hans"):
            send()
        assert "验证码" in mail.outbox[-1].subject
        assert "10 分钟" in mail.outbox[-1].body

    def test_keeps_neither_address_nor_digits_in_clear(self) -> None:
        _public_id, digits = send()
        with connection.cursor() as cursor:
            cursor.execute("SELECT address, checksum FROM users_onetimecode")
            address, checksum = cursor.fetchone()
        assert MEI not in address
        assert digits not in checksum

    def test_equal_digits_of_two_codes_have_different_checksums(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("users.services.one_time_codes.secrets.randbelow", lambda _limit: 42)
        send("a@example.com")
        send("b@example.com")
        assert last_digits() == "000042"
        assert len(set(OneTimeCode.objects.values_list("checksum", flat=True))) == 2

    def test_another_one_comes_no_sooner_than_in_a_minute(self) -> None:
        send()
        with pytest.raises(TooManyCodes) as refused:
            send()
        assert 58 <= refused.value.data["retry_after"] <= 60
        assert len(mail.outbox) == 1
        send("other@example.com")

    def test_a_person_gets_few_an_hour_wherever_they_are_asked_for(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("users.services.one_time_codes.PAUSE", 0)
        settings.ONE_TIME_CODES_PER_PERSON = 1
        send()
        with pytest.raises(TooManyCodes) as refused:
            send(address="198.51.100.1")
        assert refused.value.data["retry_after"] > 3500

    def test_an_address_asks_for_few_an_hour_whomever_for(self, settings: Settings) -> None:
        settings.ONE_TIME_CODES_PER_ADDRESS = 2
        for number in range(2):
            send(f"s{number}@example.com", address=f"2001:db8::{number}")
        with pytest.raises(TooManyCodes):
            send("s2@example.com", address="2001:db8::2")
        send("s2@example.com", address="2001:db8:1::")

    def test_a_code_that_could_not_be_sent_counts_for_nothing(self, settings: Settings) -> None:
        settings.EMAIL_BACKEND = f"{__name__}.BrokenMail"
        for _try in range(2):
            with pytest.raises(CodeNotSent):
                one_time_code_send(identifier=MEI, address=HOME, now=NOW)
        assert not OneTimeCode.objects.exists()

    def test_neither_does_one_that_the_database_did_not_take(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(**_fields: object) -> None:
            raise OperationalError

        with monkeypatch.context() as broken:
            broken.setattr(OneTimeCode.objects, "create", refuse)
            with pytest.raises(Busy):
                send()
        assert send()

    def test_the_same_work_whether_or_not_somebody_is_registered(self) -> None:
        factories.make_shopper(email=MEI)
        statements = []
        for identifier in (MEI, "nobody@example.com"):
            with CaptureQueriesContext(connection) as queries:
                send(identifier)
            statements.append([query["sql"].split("VALUES")[0] for query in queries])
        assert statements[0] == statements[1]
        assert not any("users_user" in statement for statement in statements[0])


class TestPhones:
    def test_without_a_gateway_it_says_so(self) -> None:
        with pytest.raises(SmsNotSetUp):
            one_time_code_send(identifier="13800138000", address=HOME, now=NOW)
        assert not OneTimeCode.objects.exists()

    def test_the_gateway_of_the_shop_gets_number_and_text(self, settings: Settings) -> None:
        settings.SMS_GATEWAY = f"{__name__}.gateway"
        public_id = one_time_code_send(identifier="13800138000", address=HOME, now=NOW)
        phone, text = SENT_TEXTS.pop()
        assert phone == "13800138000"
        assert use(public_id, text[:6]).phone == "13800138000"

    def test_on_a_developers_machine_the_code_stands_in_the_log_and_the_number_does_not(
        self, settings: Settings, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings.ONE_TIME_CODES_IN_LOG = True
        with caplog.at_level("INFO"):
            one_time_code_send(identifier="13800138000", address=HOME, now=NOW)
        assert "one_time_code" in caplog.text
        assert "13800138000" not in caplog.text

    def test_elsewhere_it_does_not(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level("INFO"):
            _public_id, digits = send()
        assert digits not in caplog.text


class TestUsing:
    def test_opens_an_account_without_a_password(self) -> None:
        user = use(*send())
        assert (user.email, user.language, user.joined_at) == (MEI, "en", NOW)
        assert not user.has_usable_password()

    def test_finds_the_account_there_is(self) -> None:
        mei = factories.make_shopper(email="Mei@Example.com")
        assert use(*send()) == mei
        assert User.objects.count() == 1

    @pytest.mark.parametrize("spell", [lambda digits: f" {digits[:3]} {digits[3:]} ", lambda digits: digits.translate(
        {ord(str(digit)): 0xFF10 + digit for digit in range(10)}
    )])  # fmt: skip
    def test_spaces_and_full_width_digits_do_not_matter(self, spell) -> None:
        public_id, digits = send()
        assert use(public_id, spell(digits)).email == MEI

    def test_is_used_once(self) -> None:
        public_id, digits = send()
        use(public_id, digits)
        with pytest.raises(OneTimeCodeOver):
            use(public_id, digits)

    def test_is_over_after_ten_minutes(self) -> None:
        public_id, digits = send()
        with pytest.raises(OneTimeCodeOver):
            use(public_id, digits, now=NOW + LASTS)
        assert use(public_id, digits, now=NOW + LASTS - timedelta(microseconds=1))

    def test_five_wrong_tries_end_it(self) -> None:
        public_id, digits = send()
        left = []
        for _try in range(MAXIMUM_WRONG_TRIES):
            with pytest.raises(OneTimeCodeWrong) as refused:
                use(public_id, wrong(digits))
            left.append(refused.value.data["tries_left"])
        assert left == [4, 3, 2, 1, 0]
        with pytest.raises(OneTimeCodeOver):
            use(public_id, digits)
        assert stored().wrong_tries == MAXIMUM_WRONG_TRIES

    def test_the_code_of_one_address_does_not_open_another(self) -> None:
        first, first_digits = send()
        second, second_digits = send("other@example.com")
        if first_digits != second_digits:
            with pytest.raises(OneTimeCodeWrong):
                use(second, first_digits)
        assert use(first, first_digits).email == MEI

    def test_an_id_of_nothing_reads_like_one_that_is_over(self) -> None:
        with pytest.raises(OneTimeCodeOver):
            use(uuid4(), "000000")

    @pytest.mark.parametrize("fields", [{"is_staff": True}, {"is_active": False}])
    def test_staff_and_closed_accounts_do_not_get_in_and_the_code_is_used_up(self, fields: dict[str, bool]) -> None:
        factories.make_shopper(email=MEI, **fields)
        public_id, digits = send()
        with pytest.raises(PasswordNeeded):
            use(public_id, digits)
        with pytest.raises(OneTimeCodeOver):
            use(public_id, digits)
        assert User.objects.count() == 1


def test_old_codes_are_forgotten_with_their_addresses() -> None:
    real_now = database_now()
    send(now=real_now - timedelta(days=2))
    kept, _digits = send("other@example.com", now=real_now - timedelta(hours=1))
    assert (forget_one_time_codes(), forget_one_time_codes()) == (1, 0)
    assert stored().public_id == kept


class TestAnAddressThatNobodyProved:
    def test_belongs_with_its_account_to_whoever_proves_it_first(self) -> None:
        squatter = factories.make_shopper(email=MEI, password=factories.PASSWORD)
        assert use(*send()) == squatter
        squatter.refresh_from_db()
        # Whoever opened the account with another's address is out, password and sessions alike.
        assert not squatter.has_usable_password()
        assert squatter.email_proven_at is not None

    def test_keeps_its_password_once_it_was_proven(self) -> None:
        owner = factories.make_shopper(email=MEI, email_proven_at=NOW, password=factories.PASSWORD)
        assert use(*send()) == owner
        owner.refresh_from_db()
        assert owner.has_usable_password()

    def test_moves_out_of_an_account_that_proved_its_other_address(self) -> None:
        squatter = factories.make_shopper(email=MEI, phone="13900000001", phone_proven_at=NOW)
        mei = use(*send())
        assert mei != squatter
        squatter.refresh_from_db()
        assert (squatter.email, mei.email) == ("", MEI)

    def test_is_unproven_again_when_it_is_changed(self) -> None:
        owner = factories.make_shopper(email="old@example.com", email_proven_at=NOW)
        changed = account_update(
            user=owner, name="", email=MEI, phone="", birthday=None, language="en", wants_reminders=True
        )
        assert changed.email_proven_at is None
