"""On which receipt a coupon was redeemed. The package names household, coupon and day; the receipts say the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import median_low

from campaigns.complete_journey.promotions import CouponKey, SourceRedemption
from campaigns.complete_journey.source import Basket, Row

# The last two digits of a coupon's UPC are its value code: 76 is a dollar off one, 33 a dollar off two.
VALUE_CODES = 100


class Evidence(StrEnum):
    """How surely a redemption belongs to a receipt, and whether its amount is known."""

    # A covered product of that day's receipt carries a coupon discount: receipt, line and amount are known.
    LINE = "line"
    # The receipt has a covered product and its coupons on lines of their own: receipt known, amount likely.
    RECEIPT = "receipt"
    # The household's only receipt of the day, or the only one with a covered product: amount not recorded.
    VISIT = "visit"
    # Several receipts that day and nothing to tell which.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Match:
    """Where a redemption was found; `product_id` names the line when the evidence is a line."""

    redemption: SourceRedemption
    evidence: Evidence
    basket_id: int | None = None
    product_id: int | None = None


def is_sold(row: Row) -> bool:
    """Tells whether a row is a sale: a row without quantity and money is a coupon's own line, or nothing."""
    return row.quantity > 0 or row.sales + row.coupon_match > 0


def match_redemptions(
    redemptions: Iterable[SourceRedemption],
    baskets: Iterable[Basket],
    coverage: Mapping[CouponKey, frozenset[int]],
) -> list[Match]:
    """Finds the receipt of each redemption.

    Args:
        baskets: receipts of at least the households that redeemed.
        coverage: the products of each coupon.
    """
    open_days: defaultdict[tuple[int, date], list[SourceRedemption]] = defaultdict(list)
    for redemption in redemptions:
        open_days[redemption.household_id, redemption.redeemed_on].append(redemption)
    receipts: defaultdict[tuple[int, date], list[Basket]] = defaultdict(list)
    for basket in baskets:
        day = (basket.household_id, basket.store_date)
        if day in open_days and any(is_sold(row) for row in basket.rows):
            receipts[day].append(basket)
    return [match for day, of_day in open_days.items() for match in _match_day(of_day, receipts.get(day, []), coverage)]


def _match_day(
    redemptions: list[SourceRedemption], baskets: list[Basket], coverage: Mapping[CouponKey, frozenset[int]]
) -> list[Match]:
    lines: dict[SourceRedemption, list[tuple[int, Row]]] = {
        redemption: [
            (basket.basket_id, row)
            for basket in baskets
            for row in basket.rows
            if is_sold(row) and row.coupon_discount > 0 and row.product_id in coverage[redemption.coupon]
        ]
        for redemption in redemptions
    }
    taken: defaultdict[tuple[int, int], int] = defaultdict(int)
    matches = []
    # Those with the least choice choose first, so that two coupons rarely share a line.
    for redemption in sorted(redemptions, key=lambda one: (len(lines[one]), one)):
        candidates = lines[redemption]
        if not candidates:
            matches.append(_match_by_receipt(redemption, baskets, coverage[redemption.coupon]))
            continue
        basket_id, row = min(
            candidates, key=lambda line: (taken[line[0], line[1].product_id], -line[1].coupon_discount, line[1])
        )
        taken[basket_id, row.product_id] += 1
        matches.append(Match(redemption, Evidence.LINE, basket_id, row.product_id))
    return matches


def _match_by_receipt(redemption: SourceRedemption, baskets: list[Basket], covered: frozenset[int]) -> Match:
    with_product = [basket for basket in baskets if any(row.product_id in covered for row in basket.rows)]
    with_coupon_line = [basket for basket in with_product if any(_is_coupon_line(row) for row in basket.rows)]
    if with_coupon_line:
        return Match(redemption, Evidence.RECEIPT, with_coupon_line[0].basket_id)
    for candidates in (
        baskets,
        with_product,
        [basket for basket in with_product if any(row.coupon_discount for row in basket.rows)],
        [basket for basket in baskets if any(row.coupon_discount for row in basket.rows)],
    ):
        if len(candidates) == 1:
            return Match(redemption, Evidence.VISIT, candidates[0].basket_id)
    return Match(redemption, Evidence.NONE)


def _is_coupon_line(row: Row) -> bool:
    return not is_sold(row) and row.coupon_discount > 0


class FaceValues:
    """What a coupon takes off, in cents: as observed on its redemptions, or on those of its nearest kin."""

    def __init__(self, matches: Iterable[Match], baskets: Mapping[int, Basket]) -> None:
        self._observed: defaultdict[tuple[str, object], list[int]] = defaultdict(list)
        shared: defaultdict[tuple[int, int], list[Match]] = defaultdict(list)
        for match in matches:
            if match.basket_id is not None and match.product_id is not None:
                shared[match.basket_id, match.product_id].append(match)
        for (basket_id, product_id), of_line in shared.items():
            row = next(row for row in baskets[basket_id].rows if row.product_id == product_id)
            amount = (row.coupon_discount + row.coupon_match) // len(of_line)
            for match in of_line:
                for level in _levels(match.redemption.coupon):
                    self._observed[level].append(amount)

    def observations(self, coupon: CouponKey) -> int:
        """Returns how many redemptions of this very coupon show its amount."""
        return len(self._observed.get(("coupon", coupon), []))

    def of(self, coupon: CouponKey) -> int:
        """Returns the median of the nearest redemptions that show an amount; a dollar when none does."""
        for level in _levels(coupon):
            if amounts := self._observed.get(level):
                return max(1, median_low(amounts))
        return 100


def _levels(coupon: CouponKey) -> list[tuple[str, object]]:
    return [
        ("coupon", coupon),
        ("upc", coupon.upc),
        ("value code", coupon.upc % VALUE_CODES),
        ("campaign", coupon.campaign_id),
        ("all", None),
    ]
