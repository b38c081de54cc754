"""Carts and quotes as the API reads and writes them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField, WholeNumberField
from config.kernel.api.problems import json_value
from config.kernel.api.serializers import StrictSerializer
from config.kernel.money import to_decimal
from coupons.offers import MAXIMUM_LINES, MAXIMUM_QUANTITY
from coupons.pricing import Applied, Gift, Refused
from coupons.services.quote_hints import Hint, HintCode, hints_of
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
    channel = TextField(required=False, max_length=32, help_text="Where the shopper buys, as you call it.")
    region = TextField(required=False, max_length=64, help_text="Where the order goes, as you call it.")

    def validate_claims(self, value: list[UUID] | None) -> list[UUID] | None:
        """Takes a claim that is named twice as chosen once, as an order does."""
        return value and list(dict.fromkeys(value))


class QuotedLineSerializer(serializers.Serializer):
    """`payable = amount - discount`; `tax` is contained in it, or added where prices exclude tax."""

    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyField()
    amount = MoneyField(help_text="Before coupons.")
    discount = MoneyField()
    payable = MoneyField()
    tax = MoneyField()


class LinePartSerializer(serializers.Serializer):
    sku = serializers.CharField()
    amount = MoneyField()


class GiftItemSerializer(serializers.Serializer):
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()


class QuotedPromotionSerializer(serializers.Serializer):
    """A promotion that applied by itself."""

    coupon = serializers.UUIDField()
    title = serializers.CharField()
    amount = MoneyField(help_text="What it takes off lines and shipping together.")
    lines = LinePartSerializer(many=True)
    shipping_amount = MoneyField()
    gifts = GiftItemSerializer(many=True)


class QuotedCouponSerializer(serializers.Serializer):
    """A claim of the shopper and what it does on this cart."""

    claim = serializers.UUIDField()
    coupon = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(
        choices=["applied", "available", "refused"],
        help_text="`available` is not chosen and would apply if it were; `refused` says why in `code`.",
    )
    amount = MoneyField(help_text="What it takes off lines and shipping together, or would.")
    lines = LinePartSerializer(many=True, help_text="How much on which line.")
    shipping_amount = MoneyField()
    gifts = GiftItemSerializer(many=True)
    code = serializers.CharField(allow_null=True, help_text="Why it does not apply; stable.")
    detail = serializers.CharField(help_text="A sentence for the shopper.")
    data = serializers.DictField(  # type: ignore[assignment]  # a member's name; DRF keeps the property
        help_text="Such as `missing_amount` or `usable_from`."
    )
    expires_at = MomentField()


class BestSerializer(serializers.Serializer):
    """The combination of the wallet's coupons with the least to pay."""

    claims = serializers.ListField(child=serializers.UUIDField())
    payable = MoneyField()
    saves_more = MoneyField(help_text="How much less than with the chosen claims; 0 when these are as good.")
    is_proven = serializers.BooleanField(help_text="Whether no combination can be cheaper.")
    gap = MoneyField(help_text="How much cheaper an unseen combination could be at most; 0 when proven.")


class HintSerializer(serializers.Serializer):
    """A sentence worth showing beside the quote."""

    code = serializers.ChoiceField(choices=[code.value for code in HintCode])
    claim = serializers.UUIDField()
    detail = serializers.CharField(help_text="A sentence for the shopper.")
    data = serializers.DictField(  # type: ignore[assignment]  # a member's name; DRF keeps the property
        help_text="`missing_amount`, `missing_quantity` or `expires_at`."
    )


class QuoteSerializer(serializers.Serializer):
    """A priced cart: `payable = subtotal - discount + shipping - shipping_discount`, plus `tax` where it is added."""

    currency = serializers.CharField()
    lines = QuotedLineSerializer(many=True)
    gifts = GiftItemSerializer(many=True)
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    shipping_discount = MoneyField()
    shipping_payable = MoneyField()
    tax = MoneyField()
    prices_include_tax = serializers.BooleanField()
    payable = MoneyField()
    promotions = QuotedPromotionSerializer(many=True)
    coupons = QuotedCouponSerializer(many=True)
    best = BestSerializer(allow_null=True)
    hints = HintSerializer(many=True)


def quote_body(cart_quote: CartQuote, *, now: datetime) -> dict[str, Any]:
    """Returns a quote as the API writes it."""
    quote = cart_quote.quote
    return {
        "currency": settings.SHOP_CURRENCY,
        "lines": _line_bodies(cart_quote),
        "gifts": _gift_bodies(quote.gifts, cart_quote),
        "subtotal": _amount(quote.subtotal),
        "discount": _amount(quote.discount_total),
        "shipping": _amount(quote.shipping),
        "shipping_discount": _amount(quote.shipping_discount),
        "shipping_payable": _amount(quote.shipping_payable),
        "tax": _amount(quote.tax),
        "prices_include_tax": quote.prices_include_tax,
        "payable": _amount(quote.payable),
        "promotions": [
            {
                "coupon": str(promotion.coupon.public_id),
                "title": promotion.coupon.title,
                **_given(promotion.outcome, cart_quote),
            }
            for promotion in cart_quote.promotions
        ],
        "coupons": [_candidate_body(candidate, cart_quote) for candidate in cart_quote.candidates],
        "best": _best_body(cart_quote),
        "hints": [_hint_body(hint) for hint in hints_of(cart_quote.candidates, now=now)],
    }


def _line_bodies(cart_quote: CartQuote) -> list[dict[str, Any]]:
    products = {item.line_id: item.product for item in cart_quote.items}
    return [
        {
            "sku": line.sku,
            "name": products[line.line_id].name,
            "quantity": line.quantity,
            "unit_price": _amount(line.unit_price),
            "amount": _amount(line.amount),
            "discount": _amount(line.discount),
            "payable": _amount(line.payable),
            "tax": _amount(line.tax),
        }
        for line in cart_quote.quote.lines
    ]


def _candidate_body(candidate: Candidate, cart_quote: CartQuote) -> dict[str, Any]:
    outcome = candidate.outcome
    refused = outcome if isinstance(outcome, Refused) else None
    return {
        "claim": str(candidate.claim.public_id),
        "coupon": str(candidate.claim.coupon.public_id),
        "title": candidate.claim.coupon.title,
        "status": candidate.status,
        **_given(None if isinstance(outcome, Refused) else outcome, cart_quote),
        "code": str(refused.code) if refused else None,
        "detail": candidate.sentence,
        "data": {key: json_value(key, value) for key, value in refused.data.items()} if refused else {},
        "expires_at": MomentField().to_representation(candidate.claim.expires_at),
    }


def _given(outcome: Applied | None, cart_quote: CartQuote) -> dict[str, Any]:
    skus = {item.line_id: item.product.sku for item in cart_quote.items}
    return {
        "amount": _amount(outcome.amount if outcome else 0),
        "lines": [{"sku": skus[part.line_id], "amount": _amount(part.amount)} for part in outcome.lines]
        if outcome
        else [],
        "shipping_amount": _amount(outcome.shipping_amount if outcome else 0),
        "gifts": _gift_bodies(outcome.gifts, cart_quote) if outcome else [],
    }


def _gift_bodies(gifts: Iterable[Gift], cart_quote: CartQuote) -> list[dict[str, Any]]:
    return [{"sku": gift.sku, "name": cart_quote.gift_names[gift.sku], "quantity": gift.quantity} for gift in gifts]


def _best_body(cart_quote: CartQuote) -> dict[str, Any] | None:
    best = cart_quote.best
    if best is None:
        return None
    return {
        "claims": [offer.offer_id for offer in best.offers],
        "payable": _amount(best.quote.payable),
        "saves_more": _amount(max(0, cart_quote.quote.payable - best.quote.payable)),
        "is_proven": best.is_proven,
        "gap": _amount(best.gap),
    }


def _hint_body(hint: Hint) -> dict[str, Any]:
    return {
        "code": hint.code.value,
        "claim": str(hint.candidate.claim.public_id),
        "detail": hint.sentence,
        "data": {key: json_value(key, value) for key, value in hint.data.items()},
    }


def _amount(minor: int) -> str:
    return str(to_decimal(minor))
