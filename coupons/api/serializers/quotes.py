"""Carts and quotes as the API reads and writes them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField, WholeNumberField
from config.kernel.api.problems import json_value
from config.kernel.api.serializers import StrictSerializer
from config.kernel.money import to_decimal
from coupons.offers import MAXIMUM_LINES, MAXIMUM_QUANTITY
from coupons.pricing import Refused
from coupons.services.quotes import Candidate, CartQuote
from users.api.whose import ForShopperSerializer

MAXIMUM_CLAIMS = 50


class CartLineSerializer(StrictSerializer):
    sku = TextField(max_length=64)
    quantity = WholeNumberField(min_value=1, max_value=MAXIMUM_QUANTITY)
    unit_price = MoneyField(
        required=False, allow_null=True, help_text="The shop's backend may set it; otherwise the catalogue's price."
    )


class QuoteCreateSerializer(ForShopperSerializer):
    lines = serializers.ListField(child=CartLineSerializer(), max_length=MAXIMUM_LINES)
    claims = serializers.ListField(
        child=IdField(),
        required=False,
        allow_null=True,
        max_length=MAXIMUM_CLAIMS,
        help_text="The chosen claims; null or left out chooses all that apply together.",
    )
    shipping = MoneyField(required=False)

    def validate_claims(self, value: list[UUID] | None) -> list[UUID] | None:
        """Takes a claim that is named twice as chosen once, as an order does."""
        return value and list(dict.fromkeys(value))


class QuotedLineSerializer(serializers.Serializer):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyField()
    amount = MoneyField(help_text="Before coupons.")
    discount = MoneyField()
    payable = MoneyField()


class QuotedCouponSerializer(serializers.Serializer):
    """A claim of the shopper and what it does on this cart."""

    claim = serializers.UUIDField()
    coupon = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(
        choices=["applied", "available", "refused"],
        help_text="`available` is not chosen and would apply if it were; `refused` says why in `code`.",
    )
    amount = MoneyField(help_text="What it takes off, or would.")
    code = serializers.CharField(allow_null=True, help_text="Why it does not apply; stable.")
    detail = serializers.CharField(help_text="A sentence for the shopper.")
    data = serializers.DictField(  # type: ignore[assignment]  # a member's name; DRF keeps the property
        help_text="Such as `missing_amount` or `usable_from`."
    )
    expires_at = MomentField()


class QuoteSerializer(serializers.Serializer):
    """A priced cart: `payable = subtotal - discount + shipping`."""

    currency = serializers.CharField()
    lines = QuotedLineSerializer(many=True)
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    payable = MoneyField()
    coupons = QuotedCouponSerializer(many=True)


def quote_body(cart_quote: CartQuote) -> dict[str, Any]:
    """Returns a quote as the API writes it."""
    quote = cart_quote.quote
    products = {item.line_id: item.product for item in cart_quote.items}
    return {
        "currency": settings.SHOP_CURRENCY,
        "lines": [
            {
                "sku": line.sku,
                "name": products[line.line_id].name,
                "quantity": line.quantity,
                "unit_price": _amount(line.unit_price),
                "amount": _amount(line.amount),
                "discount": _amount(line.discount),
                "payable": _amount(line.payable),
            }
            for line in quote.lines
        ],
        "subtotal": _amount(quote.subtotal),
        "discount": _amount(quote.discount_total),
        "shipping": _amount(quote.shipping),
        "payable": _amount(quote.payable),
        "coupons": [_candidate_body(candidate) for candidate in cart_quote.candidates],
    }


def _candidate_body(candidate: Candidate) -> dict[str, Any]:
    outcome = candidate.outcome
    refused = outcome if isinstance(outcome, Refused) else None
    return {
        "claim": str(candidate.claim.public_id),
        "coupon": str(candidate.claim.coupon.public_id),
        "title": candidate.claim.coupon.title,
        "status": candidate.status,
        "amount": _amount(0 if isinstance(outcome, Refused) else outcome.amount),
        "code": str(refused.code) if refused else None,
        "detail": candidate.sentence,
        "data": {key: json_value(key, value) for key, value in refused.data.items()} if refused else {},
        "expires_at": MomentField().to_representation(candidate.claim.expires_at),
    }


def _amount(minor: int) -> str:
    return str(to_decimal(minor))
