"""Receipts become paid orders with their lines, and one purchase event each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from campaigns.complete_journey.claims import PlacedOrder, PlannedClaim
from campaigns.complete_journey.conversion import to_shop_money, to_shop_time
from campaigns.complete_journey.matching import Evidence, FaceValues, is_sold
from campaigns.complete_journey.promotions import CouponKey
from campaigns.complete_journey.receipts import CouponLine, PricedReceipt, Sale, price_receipt
from campaigns.complete_journey.shoppers import KEY_PREFIX
from campaigns.complete_journey.source import Basket
from config.kernel.bulk import IdSource, copy_rows
from config.kernel.ids import uuid7
from coupons.enums import OrderState
from coupons.models import Order, OrderLine
from users.enums import BehaviourKind
from users.models import BehaviourEvent

EVENT_SENDER = "complete-journey"
EVENT_FIELDS = [
    "sender",
    "event_id",
    "shopper_id",
    "kind",
    "product_sku",
    "coupon_public_id",
    "value",
    "data",
    "occurred_at",
    "received_at",
]
ORDER_FIELDS = [
    "id",
    "public_id",
    "reference",
    "shopper_id",
    "state",
    "subtotal",
    "discount",
    "shipping",
    "payable",
    "refunded",
    "placed_at",
    "redeemed_at",
]
LINE_FIELDS = ["id", "order_id", "number", "product_id", "unit_price", "quantity", "discount", "payable"]
CHUNK_ORDERS = 4000


@dataclass(slots=True)
class Tally:
    """What became of the rows of the receipts; every row is counted once."""

    rows: int = 0
    sold_rows: int = 0
    coupon_rows: int = 0
    empty_rows: int = 0
    empty_receipts: int = 0
    orders: int = 0
    lines: int = 0
    dropped_discount: int = 0


@dataclass(slots=True)
class History:
    """What the claims need to know of the orders written before them."""

    placed: dict[int, PlacedOrder] = field(default_factory=dict)
    # (line, claim or None, amount)
    discounts: list[tuple[int, int | None, int]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


class ReceiptReader:
    """Prices receipts, knowing which claims were redeemed on which of them."""

    def __init__(
        self,
        *,
        claims: Iterable[PlannedClaim],
        coverage: Mapping[CouponKey, frozenset[int]],
        faces: FaceValues,
        fuel: frozenset[int],
    ) -> None:
        self._coverage = coverage
        self._faces = faces
        self._fuel = fuel
        # What tills took for coupons that no claim is known of, as it stands on the receipts.
        self.unclaimed_amounts: list[int] = []
        self._claims: defaultdict[int, list[PlannedClaim]] = defaultdict(list)
        for claim in claims:
            if claim.match is not None and claim.match.basket_id is not None:
                self._claims[claim.match.basket_id].append(claim)

    def holds_claims(self, basket_id: int) -> bool:
        """Tells whether a claim was redeemed on a receipt."""
        return basket_id in self._claims

    def price(self, basket: Basket, tally: Tally) -> PricedReceipt:
        """Returns a receipt's order lines, in the shop's money, and counts its rows."""
        sales = []
        loose_discount = 0
        for row in basket.rows:
            coupon = to_shop_money(row.coupon_discount + row.coupon_match)
            if not is_sold(row):
                loose_discount += coupon
                tally.coupon_rows += coupon > 0
                tally.empty_rows += coupon == 0
                continue
            tally.sold_rows += 1
            if coupon and not self.holds_claims(basket.basket_id):
                self.unclaimed_amounts.append(coupon)
            # Fuel is counted in thousandths of a gallon: a filling is one.
            quantity = 1 if row.product_id in self._fuel else max(1, row.quantity)
            sales.append(Sale(row.product_id, quantity, to_shop_money(row.sales + row.coupon_match), coupon))
        tally.rows += len(basket.rows)
        if not self.holds_claims(basket.basket_id):
            return price_receipt(sales, loose_discount=loose_discount)
        return self._price_with_claims(basket.basket_id, sales, loose_discount)

    def _price_with_claims(self, basket_id: int, sales: list[Sale], loose_discount: int) -> PricedReceipt:
        claims_of_product: defaultdict[int, list[int]] = defaultdict(list)
        coupon_lines = []
        for claim in self._claims[basket_id]:
            match = claim.match
            assert match is not None
            if match.product_id is not None:
                claims_of_product[match.product_id].append(claim.claim_id)
            elif match.evidence == Evidence.RECEIPT:
                amount = to_shop_money(self._faces.of(claim.coupon))
                coupon_lines.append(CouponLine(claim.claim_id, amount, self._coverage[claim.coupon]))
        return price_receipt(
            sales, claims_of_product=claims_of_product, loose_discount=loose_discount, coupon_lines=coupon_lines
        )


def load_orders(
    *,
    baskets: Iterable[Basket],
    reader: ReceiptReader,
    shopper_ids: Mapping[int, int],
    product_ids: Mapping[int, int],
    now: datetime,
) -> History:
    """Writes orders, lines and purchase events, a few thousand receipts at a time.

    Args:
        baskets: receipts, each whole.
        now: when the events were received.
    """
    writer = _OrderWriter(reader=reader, shopper_ids=shopper_ids, product_ids=product_ids, now=now)
    for basket in baskets:
        writer.add(basket)
    writer.flush()
    return writer.history


class _OrderWriter:
    def __init__(
        self,
        *,
        reader: ReceiptReader,
        shopper_ids: Mapping[int, int],
        product_ids: Mapping[int, int],
        now: datetime,
    ) -> None:
        self.history = History()
        self._reader = reader
        self._shopper_ids = shopper_ids
        self._product_ids = product_ids
        self._now = now
        self._order_ids = IdSource(Order)
        self._line_ids = IdSource(OrderLine)
        self._orders: list[tuple[Any, ...]] = []
        self._lines: list[tuple[Any, ...]] = []
        self._events: list[tuple[Any, ...]] = []

    def add(self, basket: Basket) -> None:
        tally = self.history.tally
        receipt = self._reader.price(basket, tally)
        tally.dropped_discount += receipt.dropped
        if not receipt.lines:
            tally.empty_receipts += 1
            return
        order_id = self._order_ids.take()
        placed_at = to_shop_time(basket.bought_at)
        self._add_lines(order_id, receipt)
        self._add_order(basket, order_id, placed_at, receipt)
        if self._reader.holds_claims(basket.basket_id):
            self.history.placed[basket.basket_id] = PlacedOrder(order_id, placed_at)
        if len(self._orders) >= CHUNK_ORDERS:
            self.flush()

    def flush(self) -> None:
        """Writes what has been gathered."""
        copy_rows(Order, ORDER_FIELDS, self._orders)
        copy_rows(OrderLine, LINE_FIELDS, self._lines)
        copy_rows(BehaviourEvent, EVENT_FIELDS, self._events)
        self.history.tally.orders += len(self._orders)
        self.history.tally.lines += len(self._lines)
        self._orders, self._lines, self._events = [], [], []

    def _add_lines(self, order_id: int, receipt: PricedReceipt) -> None:
        for number, line in enumerate(receipt.lines, start=1):
            line_id = self._line_ids.take()
            discount = 0
            for claim_id, amount in line.parts:
                self.history.discounts.append((line_id, claim_id, amount))
                discount += amount
            amount = line.unit_price * line.quantity
            self._lines.append(
                (
                    line_id,
                    order_id,
                    number,
                    self._product_ids[line.product_id],
                    line.unit_price,
                    line.quantity,
                    discount,
                    amount - discount,
                )
            )

    def _add_order(self, basket: Basket, order_id: int, placed_at: datetime, receipt: PricedReceipt) -> None:
        subtotal = sum(line.amount for line in receipt.lines)
        discount = sum(line.discount for line in receipt.lines)
        public_id = uuid7()
        shopper_id = self._shopper_ids[basket.household_id]
        self._orders.append(
            (
                order_id,
                public_id,
                f"{KEY_PREFIX}{basket.basket_id}",
                shopper_id,
                OrderState.REDEEMED.value,
                subtotal,
                discount,
                0,
                subtotal - discount,
                0,
                placed_at,
                placed_at,
            )
        )
        data = {"order": str(public_id), "with_coupon": discount > 0, "store": basket.store_id}
        self._events.append(
            (
                EVENT_SENDER,
                str(basket.basket_id),
                shopper_id,
                BehaviourKind.PURCHASE.value,
                "",
                None,
                subtotal - discount,
                data,
                placed_at,
                self._now,
            )
        )
