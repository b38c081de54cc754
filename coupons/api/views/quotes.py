"""Pricing a cart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.callers import Caller
from config.kernel.api.errors import IntegratorsOnly
from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from coupons.api import examples
from coupons.api.serializers.quotes import QuoteCreateSerializer, QuoteSerializer, quote_body
from coupons.errors import CartTooLarge, ProductUnknown
from coupons.offers import CartItem
from coupons.services.quotes import quote_cart
from users.api.whose import shopper_named
from users.errors import ShopperUnknown

CART_REFUSALS = (
    ProductUnknown(parameter="lines[0].sku", sku="1029743"),
    CartTooLarge(parameter="lines", limit=200),
    ShopperUnknown(parameter="shopper"),
)


def read_cart(caller: Caller, body: Mapping[str, Any]) -> list[CartItem]:
    """Returns the items of a request.

    Raises:
        IntegratorsOnly: a shopper's own session names a price.
    """
    items = [CartItem(**line) for line in body["lines"]]
    if not caller.is_integrator:
        for number, item in enumerate(items):
            if item.unit_price is not None:
                raise IntegratorsOnly(parameter=f"lines[{number}].unit_price")
    return items


class QuotesView(ApiView):
    scopes = {"POST": "quotes:write"}

    @operation(
        id="quotes_create",
        tag="quotes",
        summary="Price a cart",
        description=(
            "Prices a cart and explains every coupon of the shopper: applied, available, or refused with the reason "
            "and what is missing. `best` is the combination with the least to pay; leave `claims` out to price with "
            "it. Changes nothing. Without a shopper the shop's backend gets the price with promotions alone."
        ),
        request=QuoteCreateSerializer,
        request_example=examples.CART,
        response=QuoteSerializer,
        response_example=examples.QUOTE,
        refusals=[*CART_REFUSALS, IntegratorsOnly(parameter="lines[0].unit_price")],
    )
    def post(self, request: Request) -> Response:
        body = self.read_body(QuoteCreateSerializer)
        now = database_now()
        quote = quote_cart(
            shopper=shopper_named(self.caller, body),
            items=read_cart(self.caller, body),
            claim_ids=body.get("claims"),
            shipping=body.get("shipping", 0),
            channel=body.get("channel", ""),
            region=body.get("region", ""),
            now=now,
        )
        return Response(quote_body(quote, now=now))
