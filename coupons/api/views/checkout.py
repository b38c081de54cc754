"""The life of an order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.callers import Caller
from config.kernel.api.errors import IntegratorsOnly
from config.kernel.api.pagination import NewestFirstPagination
from config.kernel.api.schema import operation
from config.kernel.api.serializers import NothingSerializer
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.serializers.checkout import (
    OrderCreateSerializer,
    OrderQuerySerializer,
    OrderSerializer,
)
from coupons.api.views.quotes import CART_REFUSALS, read_cart
from coupons.errors import (
    AlreadyRedeemed,
    ClaimLocked,
    ClaimNotUsable,
    CouponRefused,
    QuoteChanged,
    ReferenceTaken,
    WrongOrderState,
)
from coupons.models import Order
from coupons.selectors.holdings import order_placed, orders_placed
from coupons.services.orders import order_lock, order_redeem, order_refund, order_release
from users.api.whose import ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown


def refuse_shopper_unless_demo(caller: Caller) -> None:
    """Lets a shopper's session place and change orders only where the demo's checkout is on.

    Raises:
        IntegratorsOnly: a real shop's orders come from its backend alone.
    """
    if not caller.is_integrator and not settings.DEMO_CHECKOUT:
        raise IntegratorsOnly


class OrdersView(ApiView):
    scopes = {"GET": "orders:read", "POST": "orders:write"}
    pagination_class = NewestFirstPagination
    ordering = ("-placed_at", "-pk")

    @operation(
        id="orders_list",
        tag="orders",
        summary="List orders",
        description="A shopper's own; the shop's backend sees everybody's, or one shopper's. Newest first.",
        parameters=[OrderQuerySerializer],
        response=OrderSerializer(many=True),
        response_example=examples.ORDER,
        refusals=[ShopperUnknown(parameter="shopper")],
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(OrderQuerySerializer)
        orders = orders_placed(
            shopper=shopper_named(self.caller, query),
            state=query.get("state", ""),
            reference=query.get("reference", ""),
        )
        return self.answer_page(orders, OrderSerializer)

    @operation(
        id="orders_lock",
        tag="orders",
        summary="Lock an order's coupons",
        description=(
            "Prices the cart again, holds the chosen claims for this order and answers it in the state `locked`. "
            "Redeem it when it was paid, release it when it was cancelled; an unpaid lock ends by itself at "
            "`lock_expires_at`. Every chosen claim must apply."
        ),
        request=OrderCreateSerializer,
        request_example=examples.ORDER_CREATE,
        response=OrderSerializer,
        status=201,
        response_example=examples.ORDER,
        refusals=[
            *CART_REFUSALS,
            ShopperMissing(parameter="shopper"),
            IntegratorsOnly(),
            ClaimNotUsable(claim=examples.CLAIM_ID, state="expired"),
            ClaimLocked(claim=examples.CLAIM_ID, state="locked"),
            AlreadyRedeemed(claim=examples.CLAIM_ID, state="redeemed"),
            CouponRefused(claim=examples.CLAIM_ID, reason="threshold_not_met", missing_amount=12_00),
            QuoteChanged(expected_amount=100_00, payable_amount=120_00),
            ReferenceTaken(order=examples.ORDER_ID),
        ],
        idempotent=True,
    )
    def post(self, request: Request) -> Response:
        refuse_shopper_unless_demo(self.caller)
        body, now = self.read_body(OrderCreateSerializer), database_now()
        shopper, items = shopper_needed(self.caller, body), read_cart(self.caller, body)

        def lock() -> Answer:
            order = order_lock(
                shopper=shopper,
                reference=body["reference"],
                items=items,
                claim_ids=body.get("claims", []),
                shipping=body.get("shipping", 0),
                expected_payable=body.get("expected_payable"),
                now=now,
            )
            return _answer(order, status=201)

        return self.answer_once(body, lock)


class OrderView(ApiView):
    scopes = {"GET": "orders:read"}

    @operation(
        id="orders_read",
        tag="orders",
        summary="Read an order",
        response=OrderSerializer,
        response_example=examples.ORDER,
        refusals=[NotFound()],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        return Response(OrderSerializer(order_placed(public_id=public_id, shopper=self.caller.account)).data)


class OrderActionView(ApiView):
    """A step in the life of an order; the step is the service."""

    scopes = {"POST": "orders:write"}

    def take_step(self, public_id: UUID, step: Callable[..., Order]) -> Response:
        refuse_shopper_unless_demo(self.caller)
        # A step has nothing to say beyond its address; an empty body reads as an empty object.
        body = self.read_body(NothingSerializer)
        order, now = order_placed(public_id=public_id, shopper=self.caller.account), database_now()
        return self.answer_once(body, lambda: _answer(step(order=order, now=now), status=200))


def describe_step(*, id: str, summary: str, description: str, state: str) -> Callable[[Any], Any]:  # noqa: A002
    """Describes a step in the life of an order."""
    return operation(
        id=id,
        tag="orders",
        summary=summary,
        description=description,
        response=OrderSerializer,
        response_example={**examples.ORDER, "state": state, "lock_expires_at": None},
        refusals=[NotFound(), IntegratorsOnly(), WrongOrderState(state="released")],
        idempotent=True,
    )


class OrderRedeemView(OrderActionView):
    @describe_step(
        id="orders_redeem",
        summary="Redeem an order's coupons",
        description="The order was paid: its claims are used for good.",
        state="redeemed",
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        return self.take_step(public_id, order_redeem)


class OrderReleaseView(OrderActionView):
    @describe_step(
        id="orders_release",
        summary="Release an order's coupons",
        description="The order was cancelled before it was paid: its claims are available again.",
        state="released",
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        return self.take_step(public_id, order_release)


class OrderRefundView(OrderActionView):
    @describe_step(
        id="orders_refund",
        summary="Refund an order in full",
        description=(
            "The paid order was given back: every claim is available again, exactly once. One that expired "
            "meanwhile stays usable for a grace time."
        ),
        state="refunded",
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        return self.take_step(public_id, order_refund)


def _answer(order: Order, *, status: int) -> Answer:
    # Read anew with everything that the answer shows, in a fixed number of queries.
    return Answer(status, OrderSerializer(order_placed(public_id=order.public_id, shopper=None)).data)
