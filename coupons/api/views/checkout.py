"""The life of an order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
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
from config.kernel.errors import DomainError, NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.serializers.checkout import (
    OrderCreateSerializer,
    OrderEditSerializer,
    OrderQuerySerializer,
    OrderRefundSerializer,
    OrderSerializer,
)
from coupons.api.views.quotes import CART_REFUSALS, read_cart
from coupons.errors import (
    AlreadyRedeemed,
    BudgetExhausted,
    ClaimLocked,
    ClaimNotUsable,
    CouponRefused,
    QuoteChanged,
    ReferenceTaken,
    TooManyReturned,
    WrongOrderState,
)
from coupons.models import Order
from coupons.selectors.holdings import order_placed, orders_placed
from coupons.services.orders import order_edit, order_lock, order_redeem, order_refund, order_release
from users.api.whose import ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown

# What may be wrong with the cart and the claims of an order.
ORDER_REFUSALS = (
    *CART_REFUSALS,
    IntegratorsOnly(),
    ClaimNotUsable(claim=examples.CLAIM_ID, state="expired"),
    ClaimLocked(claim=examples.CLAIM_ID, state="locked"),
    AlreadyRedeemed(claim=examples.CLAIM_ID, state="redeemed"),
    CouponRefused(claim=examples.CLAIM_ID, reason="threshold_not_met", missing_amount=12_00),
    BudgetExhausted(coupon=examples.COUPON_ID, claim=examples.CLAIM_ID),
    QuoteChanged(expected_amount=100_00, payable_amount=120_00),
)


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
            "`lock_expires_at`. Every chosen claim must apply; automatic promotions are added where they do."
        ),
        request=OrderCreateSerializer,
        request_example=examples.ORDER_CREATE,
        response=OrderSerializer,
        status=201,
        response_example=examples.ORDER,
        refusals=[
            *ORDER_REFUSALS,
            ShopperMissing(parameter="shopper"),
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
                now=now,
                **_terms(body),
            )
            return _answer(order, status=201)

        return self.answer_once(body, lock)


class OrderView(ApiView):
    scopes = {"GET": "orders:read", "PUT": "orders:write"}

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

    @operation(
        id="orders_edit",
        tag="orders",
        summary="Edit an order that awaits payment",
        description=(
            "Replaces cart and claims, prices the order anew and starts its lock again. Claims that it no longer "
            "has are available at once. When it is refused the order stays as it was."
        ),
        request=OrderEditSerializer,
        request_example=examples.ORDER_EDIT,
        response=OrderSerializer,
        response_example=examples.ORDER,
        refusals=[*ORDER_REFUSALS, NotFound(), WrongOrderState(state="redeemed")],
        idempotent=True,
    )
    def put(self, request: Request, public_id: UUID) -> Response:
        refuse_shopper_unless_demo(self.caller)
        body, now = self.read_body(OrderEditSerializer), database_now()
        order, items = order_placed(public_id=public_id, shopper=self.caller.account), read_cart(self.caller, body)
        return self.answer_once(
            body, lambda: _answer(order_edit(order=order, items=items, now=now, **_terms(body)), status=200)
        )


class OrderActionView(ApiView):
    """A step in the life of an order; the step is the service."""

    scopes = {"POST": "orders:write"}

    def take_step(self, public_id: UUID, step: Callable[..., Order]) -> Response:
        # A step has nothing to say beyond its address; an empty body reads as an empty object.
        return self.take_step_with(public_id, self.read_body(NothingSerializer), step)

    def take_step_with(self, public_id: UUID, body: Mapping[str, Any], step: Callable[..., Order]) -> Response:
        refuse_shopper_unless_demo(self.caller)
        order, now = order_placed(public_id=public_id, shopper=self.caller.account), database_now()
        return self.answer_once(body, lambda: _answer(step(order=order, now=now), status=200))


def describe_step(
    *,
    id: str,  # noqa: A002
    summary: str,
    description: str,
    state: str,
    refusals: Sequence[DomainError] = (),
    **more: Any,
) -> Callable[[Any], Any]:
    """Describes a step in the life of an order."""
    return operation(
        id=id,
        tag="orders",
        summary=summary,
        description=description,
        response=OrderSerializer,
        response_example={**examples.ORDER, "state": state, "lock_expires_at": None},
        refusals=[NotFound(), IntegratorsOnly(), WrongOrderState(state="released"), *refusals],
        idempotent=True,
        **more,
    )


class OrderRedeemView(OrderActionView):
    @describe_step(
        id="orders_redeem",
        summary="Redeem an order's coupons",
        description=(
            "The order was paid: its claims are used for good, and what they took off is spent from their budgets. It "
            "is priced again first; `quote_changed` says that the shopper would pay more than shown at the lock."
        ),
        state="redeemed",
        refusals=[
            QuoteChanged(expected_amount=100_00, payable_amount=120_00),
            BudgetExhausted(coupon=examples.COUPON_ID, claim=examples.CLAIM_ID),
        ],
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
        summary="Refund an order, or some of its units",
        description=(
            "Without `lines` the paid order was given back: every claim is available again, exactly once, and one "
            "that expired meanwhile stays usable for a grace time. With `lines` these units came back; `refunds` says "
            "what to give back for them. With the last unit the order is refunded in full."
        ),
        state="refunded",
        refusals=[TooManyReturned(parameter="lines[0].quantity", number=1, returnable=1)],
        request=OrderRefundSerializer,
        request_example=examples.ORDER_REFUND,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        body = self.read_body(OrderRefundSerializer)
        lines = [(line["number"], line["quantity"]) for line in body["lines"]] if "lines" in body else None
        return self.take_step_with(public_id, body, partial(order_refund, lines=lines))


def _terms(body: Mapping[str, Any]) -> dict[str, Any]:
    """What an order says beside its lines, as the services take it."""
    return {
        "claim_ids": body.get("claims", []),
        "shipping": body.get("shipping", 0),
        "channel": body.get("channel", ""),
        "region": body.get("region", ""),
        "expected_payable": body.get("expected_payable"),
    }


def _answer(order: Order, *, status: int) -> Answer:
    # Read anew with everything that the answer shows, in a fixed number of queries.
    return Answer(status, OrderSerializer(order_placed(public_id=order.public_id, shopper=None)).data)
