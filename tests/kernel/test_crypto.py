"""Personal data at rest: sealed, bound to its column, found by a keyed hash."""

from __future__ import annotations

import base64

import pytest
from django.db import connection

from config.kernel.crypto import CannotDecrypt, KeyRing, KeyRingError, blind_index
from tests import factories
from users.models import User


def encoded_key(letter: str) -> str:
    return base64.urlsafe_b64encode(letter.encode() * 32).decode()


OLD = f"old:{encoded_key('o')}"
NEW = f"new:{encoded_key('n')}"


class TestKeyRing:
    def test_opens_what_it_sealed(self) -> None:
        ring = KeyRing.parse(NEW)
        assert ring.open(ring.seal("券 13800000000", context="users.phone"), context="users.phone") == "券 13800000000"

    def test_the_same_text_never_seals_to_the_same_value(self) -> None:
        ring = KeyRing.parse(NEW)
        assert ring.seal("a", context="c") != ring.seal("a", context="c")

    def test_a_value_moved_to_another_column_does_not_open(self) -> None:
        ring = KeyRing.parse(NEW)
        with pytest.raises(CannotDecrypt):
            ring.open(ring.seal("a", context="users.name"), context="users.email")

    def test_the_newest_key_seals_and_older_ones_still_open(self) -> None:
        sealed_before = KeyRing.parse(OLD).seal("a", context="c")
        ring = KeyRing.parse(f"{NEW},{OLD}")
        assert ring.open(sealed_before, context="c") == "a"
        assert ring.seal("a", context="c").startswith("q1.new.")

    @pytest.mark.parametrize("damage", ["", "q1", "q1.new.", "q1.gone.AAAA", "q2.new.AAAA", "q1.new.!!!!"])
    def test_a_damaged_value_is_refused(self, damage: str) -> None:
        with pytest.raises(CannotDecrypt):
            KeyRing.parse(NEW).open(damage, context="c")

    @pytest.mark.parametrize(
        "text", ["", "nokey", "a:short", f"{NEW},{NEW}", f"bad id:{encoded_key('x')}", "a:" + "=" * 44]
    )
    def test_a_malformed_ring_is_refused(self, text: str) -> None:
        with pytest.raises(KeyRingError):
            KeyRing.parse(text)


def test_a_blind_index_depends_on_its_key_and_its_column() -> None:
    indexes = {
        blind_index("a@b.cn", key=b"1", context="users.email"),
        blind_index("a@b.cn", key=b"2", context="users.email"),
        blind_index("a@b.cn", key=b"1", context="users.phone"),
    }
    assert len(indexes) == 3


@pytest.mark.django_db
class TestPersonalDataOfAShopper:
    @pytest.fixture
    def person(self) -> User:
        return factories.make_shopper(
            name="王芳", email="Wang.Fang@Example.com", phone="+86 138-0000-0000", birthday="1990-02-28"
        )

    @pytest.mark.reliability(55)
    def test_no_column_holds_it_in_plain(self, person: User) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT * FROM users_user WHERE id = %s", [person.pk])
            row = " ".join(str(value) for value in cursor.fetchone())
        for plain in ("王芳", "Wang.Fang", "wang.fang", "13800000000", "138-0000", "1990-02-28"):
            assert plain not in row

    def test_reads_back_as_written(self, person: User) -> None:
        again = User.objects.get(pk=person.pk)
        assert (again.name, again.email, again.birthday.isoformat()) == ("王芳", "Wang.Fang@Example.com", "1990-02-28")

    @pytest.mark.parametrize("spelling", ["wang.fang@example.com", "WANG.FANG@EXAMPLE.COM ", "ｗang.fang@example.com"])
    def test_is_found_by_any_spelling_of_the_address(self, person: User, spelling: str) -> None:
        assert User.objects.identified_by(spelling).get() == person

    @pytest.mark.parametrize("spelling", ["+8613800000000", "+86 138 0000 0000", "＋８６１３８００００００００"])
    def test_is_found_by_any_spelling_of_the_number(self, person: User, spelling: str) -> None:
        assert User.objects.identified_by(spelling).get() == person

    def test_an_empty_address_finds_nobody(self, person: User) -> None:
        factories.make_shopper(email="")
        assert not User.objects.with_email("").exists()

    def test_saving_an_address_alone_moves_its_index(self, person: User) -> None:
        person.email = "new@example.com"
        person.save(update_fields=["email"])
        assert User.objects.with_email("new@example.com").get() == person
        assert not User.objects.with_email("wang.fang@example.com").exists()

    def test_filtering_by_a_sealed_value_is_a_mistake_that_shows(self) -> None:
        with pytest.raises(TypeError, match="blind index"):
            User.objects.filter(email="a@b.cn")
