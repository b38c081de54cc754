"""Tags of a job are replaced all at once, and nobody else's are touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from tests import factories
from users.enums import TagSource
from users.models import Tag, User
from users.services import tags
from users.services.tags import tags_replace

pytestmark = pytest.mark.django_db

NOW = factories.NOW
WEEK = timedelta(days=7)


def replace(assignments: object, *, prefix: str = "segment:", now: datetime = NOW) -> int:
    return tags_replace(
        source=TagSource.SEGMENTATION, prefix=prefix, assignments=assignments, expires_at=now + WEEK, now=now
    )


def tags_of(shopper: User) -> set[tuple[str, str]]:
    return set(Tag.objects.filter(shopper=shopper).values_list("name", "source"))


def test_each_shopper_carries_the_one_new_tag(shopper: User, outsider: User) -> None:
    replace([(shopper.pk, "segment:loyal"), (outsider.pk, "segment:lapsed")])
    written = replace([(shopper.pk, "segment:lapsed")])

    assert written == 1
    assert tags_of(shopper) == {("segment:lapsed", "segmentation")}
    assert tags_of(outsider) == set()


def test_a_tag_that_stays_is_renewed(shopper: User) -> None:
    replace([(shopper.pk, "segment:loyal")])
    first = Tag.objects.get()
    replace([(shopper.pk, "segment:loyal")], now=NOW + timedelta(days=1))

    renewed = Tag.objects.get()
    assert renewed.pk == first.pk
    assert (renewed.set_at, renewed.expires_at) == (NOW + timedelta(days=1), NOW + timedelta(days=1) + WEEK)


def test_tags_of_others_and_other_prefixes_stay(shopper: User) -> None:
    mine = [("vip", TagSource.MARKETER), ("segment:by-hand", TagSource.MARKETER), ("other:x", TagSource.SEGMENTATION)]
    for name, source in mine:
        Tag.objects.create(shopper=shopper, name=name, source=source, set_at=NOW)
    replace([])

    assert tags_of(shopper) == {(name, source.value) for name, source in mine}


def test_the_same_tag_of_somebody_else_is_taken_over(shopper: User) -> None:
    Tag.objects.create(shopper=shopper, name="segment:loyal", source=TagSource.MARKETER, set_at=NOW)
    replace([(shopper.pk, "segment:loyal")])

    assert tags_of(shopper) == {("segment:loyal", "segmentation")}


@pytest.mark.parametrize("prefix", ["a_b:", "50%:"])
def test_no_character_of_a_prefix_is_special(shopper: User, prefix: str) -> None:
    for name in ("a_b:x", "50%:x", "axb:y", "50x:y"):
        Tag.objects.create(shopper=shopper, name=name, source=TagSource.SEGMENTATION, set_at=NOW)
    replace([], prefix=prefix)

    assert Tag.objects.filter(shopper=shopper).count() == 3


@pytest.mark.parametrize("name", ['segment:a"b', "segment:a,b", "segment:a\\b", "segment:a\tb", "segment:忠实"])
def test_any_name_travels_unharmed(shopper: User, name: str) -> None:
    replace([(shopper.pk, name)])

    assert Tag.objects.get().name == name


def test_running_it_twice_changes_nothing(shopper: User) -> None:
    for _ in range(2):
        assert replace([(shopper.pk, "segment:loyal")]) == 1

    assert Tag.objects.count() == 1


def test_an_erased_shopper_is_left_out(shopper: User) -> None:
    assert replace([(shopper.pk, "segment:loyal"), (shopper.pk + 1000, "segment:loyal")]) == 1


def test_a_shopper_who_comes_twice_is_refused_and_nothing_changes(shopper: User) -> None:
    replace([(shopper.pk, "segment:loyal")])
    with pytest.raises(IntegrityError), transaction.atomic():
        replace([(shopper.pk, "segment:a"), (shopper.pk, "segment:b")])

    assert tags_of(shopper) == {("segment:loyal", "segmentation")}


def test_a_name_without_the_prefix_is_refused_and_nothing_changes(shopper: User) -> None:
    replace([(shopper.pk, "segment:loyal")])
    with pytest.raises(ValueError, match="does not begin"):
        replace([(shopper.pk, "loyal")])

    assert tags_of(shopper) == {("segment:loyal", "segmentation")}


def test_an_empty_prefix_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix"):
        replace([], prefix="")


def test_assignments_are_read_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "CHUNK_ROWS", 3)
    shoppers = [factories.make_shopper() for _ in range(8)]

    def stream() -> Iterator[tuple[int, str]]:
        yield from ((shopper.pk, "segment:loyal") for shopper in shoppers)

    assert replace(stream()) == 8
