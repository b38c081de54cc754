"""Past one database: the same features from Parquet files, equal to the last bit."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import duckdb
import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics.enums import WindowEnd
from analytics.scale.duck import parquet_features
from analytics.scale.parquet import export_tables
from analytics.selectors.features import Chunk, buyer_features, feature_chunks
from analytics.selectors.windows import Window
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_population, make_purchase
from users.enums import TagSource
from users.models import Tag

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="only PostgreSQL copies out"),
]

DAY = timedelta(days=1)
END = factories.NOW
WINDOW = Window(start=END - 365 * DAY, end=END, ends_with=WindowEnd.GIVEN)


@pytest.fixture
def shop() -> None:
    """Buyers of four habits, one with a segment, one who is staff, a refund before the end and one after it."""
    shoppers = make_population(END)
    Tag.objects.create(shopper=shoppers[0], name="segment:loyal", source=TagSource.SEGMENTATION, set_at=END - DAY)
    staff = factories.make_shopper(is_staff=True)
    make_purchase(staff, END - DAY)
    for refunded_at in (END - DAY, END + DAY):
        shopper = factories.make_shopper()
        for days in (3, 5):
            make_purchase(shopper, END - days * DAY + timedelta(microseconds=123_457))
        make_order(shopper, END - 3 * DAY, subtotal=40_00, discount=5_00, refunded_at=refunded_at)
        make_claim_at(shopper, factories.make_coupon(stock=None), END - 4 * DAY)
    # Without a value, and without anything else.
    make_purchase(factories.make_shopper(), END - 2 * DAY, value=None)  # type: ignore[arg-type]


def from_database() -> list[Chunk]:
    with buyer_features(WINDOW):
        return list(feature_chunks(chunk_rows=50))


def test_duckdb_makes_the_very_same_features(shop: None, tmp_path: Path) -> None:
    export_tables(folder=tmp_path, window=WINDOW)

    chunks = list(parquet_features(folder=tmp_path, window=WINDOW, chunk_rows=50))

    expected = from_database()
    assert len(chunks) == len(expected) > 1
    for one, other in zip(chunks, expected, strict=True):
        assert np.array_equal(one.shopper_ids, other.shopper_ids)
        assert np.array_equal(one.values, other.values)
        assert one.earlier_tags == other.earlier_tags
    assert any(tag == "segment:loyal" for chunk in chunks for tag in chunk.earlier_tags)


def test_control_another_window_gives_others(shop: None, tmp_path: Path) -> None:
    export_tables(folder=tmp_path, window=WINDOW)
    shorter = Window(start=WINDOW.start, end=END - 3 * DAY, ends_with=WindowEnd.GIVEN)

    (chunk,) = parquet_features(folder=tmp_path, window=shorter)

    with buyer_features(shorter):
        (expected,) = feature_chunks()
    assert np.array_equal(chunk.values, expected.values)
    assert len(chunk.values) < sum(len(each.values) for each in from_database())


def test_the_files_hold_only_what_features_look_at(shop: None, tmp_path: Path) -> None:
    counts = export_tables(folder=tmp_path, window=WINDOW)

    names = duckdb.read_parquet(str(tmp_path / "users_user.parquet")).columns
    assert names == ["id", "is_active", "is_staff"]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.parquet" for name in counts)


def test_an_empty_shop_has_no_features(tmp_path: Path) -> None:
    export_tables(folder=tmp_path, window=WINDOW)

    assert list(parquet_features(folder=tmp_path, window=WINDOW)) == []


class TestTheCommand:
    def test_compares_the_two(self, shop: None, tmp_path: Path) -> None:
        told = StringIO()

        call_command("export_features", tmp_path / "new folder", "--as-of", END.isoformat(), "--compare", stdout=told)

        assert "Equal to the last bit." in told.getvalue()

    def test_refuses_a_moment_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="--as-of"):
            call_command("export_features", tmp_path, "--as-of", "yesterday")
