"""Orders as the API reads and writes them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField, WholeNumberField
from config.kernel.api.serializers import StrictSerializer
from config.kernel.money import to_decimal
from coupons.api.serializers.quotes import MAXIMUM_CLAIMS, CartLineSerializer
from coupons.enums import OrderState
from coupons.models import Order, OrderLine
from coupons.offers import MAXIMUM_LINES, MAXIMUM_QUANTITY
from coupons.selectors.holdings import coupons_on
from users.api.whose import ForShopperSerializer

REFERENCE_PATTERN = r"^[!-~]{1,64}$"


class OrderedCartSerializer(StrictSerializer):
    """What an order consists of."""

    lines = serializers.ListField(child=CartLineSerializer(), min_length=1, max_length=MAXIMUM_LINES)
    claims = serializers.ListField(child=IdField(), required=False, max_length=MAXIMUM_CLAIMS)
    shipping = MoneyField(required=False)
    channel = TextField(
        required=False, max_length=32, allow_blank=True, help_text="Where it is ordered, such as `app`; for conditions."
    )
    region = TextField(required=False, max_length=64, allow_blank=True, help_text="Where it goes; for conditions.")
    expected_payable = MoneyField(
        required=False, help_text="What the shopper was shown; a higher price is refused with `quote_changed`."
    )


class OrderCreateSerializer(OrderedCartSerializer, ForShopperSerializer):
    reference = serializers.RegexField(
        REFERENCE_PATTERN, max_length=64, help_text="Your own order number; one order each."
    )


class OrderEditSerializer(OrderedCartSerializer):
    """The whole order as it shall be: what is left out is not on it any more."""


class ReturnedLineSerializer(StrictSerializer):
    number = WholeNumberField(min_value=1, max_value=MAXIMUM_LINES, help_text="Of the order's line.")
    quantity = WholeNumberField(min_value=1, max_value=MAXIMUM_QUANTITY, help_text="How many units come back.")


class OrderRefundSerializer(StrictSerializer):
    lines = serializers.ListField(
        child=ReturnedLineSerializer(),
        required=False,
        min_length=1,
        max_length=MAXIMUM_LINES,
        help_text="The units that come back; left out, everything that is left.",
    )


class OrderQuerySerializer(ForShopperSerializer):
    state = serializers.ChoiceField(required=False, choices=OrderState.choices)
    reference = TextField(required=False, max_length=64)


def _amount(minor: int) -> str:
    return str(to_decimal(minor))


class LineDiscountSerializer(serializers.Serializer):
    coupon = serializers.UUIDField(source="coupon.public_id")
    claim = serializers.SerializerMethodField()
    amount = MoneyField()

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_claim(self, discount: Any) -> str | None:
        return str(discount.claim.public_id) if discount.claim is not None else None


class OrderLineSerializer(serializers.ModelSerializer):
    """One line: `payable = amount - discount`; added `tax` comes on top."""

    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    unit_price = MoneyField()
    amount = serializers.SerializerMethodField(help_text="Before coupons.")
    discount = MoneyField()
    payable = MoneyField()
    tax = MoneyField(help_text="Added to the price; 0 where prices contain it.")
    returned = serializers.IntegerField(help_text="Units that came back.")
    refunded = MoneyField(help_text="What was given back for this line.")
    discounts = LineDiscountSerializer(many=True)

    class Meta:
        model = OrderLine
        fields = [
            "number",
            "sku",
            "name",
            "quantity",
            "unit_price",
            "amount",
            "discount",
            "payable",
            "tax",
            "returned",
            "refunded",
            "discounts",
        ]

    @extend_schema_field(MoneyField)
    def get_amount(self, line: OrderLine) -> str:
        return _amount(line.unit_price * line.quantity)


class OrderCouponSerializer(serializers.Serializer):
    claim = serializers.UUIDField(allow_null=True)
    coupon = serializers.UUIDField()
    title = serializers.CharField()
    amount = MoneyField(help_text="What it took off in all.")
    shipping_amount = MoneyField(help_text="The part of it that was taken off shipping.")


class OrderGiftSerializer(serializers.Serializer):
    """Units that a coupon adds for nothing."""

    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    quantity = serializers.IntegerField()
    coupon = serializers.UUIDField(source="coupon.public_id")
    claim = serializers.UUIDField(source="claim.public_id", default=None, allow_null=True)


class RefundLineSerializer(serializers.Serializer):
    number = serializers.IntegerField(source="line.number")
    quantity = serializers.IntegerField(help_text="Units that came back; 0 where only the price of the kept fell.")
    amount = MoneyField()


class RefundSerializer(serializers.Serializer):
    """Money given back: `amount` is the sum of its lines and `shipping`."""

    id = serializers.UUIDField(source="public_id")
    amount = MoneyField()
    shipping = MoneyField(help_text="Goes back with the last unit.")
    created_at = MomentField()
    lines = RefundLineSerializer(many=True)


class OrderSerializer(serializers.ModelSerializer):
    """An order with its coupons: `payable = subtotal - discount + shipping - shipping_discount + tax`."""

    id = serializers.UUIDField(source="public_id")
    shopper = serializers.UUIDField(source="shopper.public_id")
    shopper_external_id = serializers.CharField(source="shopper.external_id", allow_null=True)
    currency = serializers.SerializerMethodField()
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    shipping_discount = MoneyField()
    tax = MoneyField(help_text="Added to the prices; 0 in a shop whose prices contain it.")
    payable = MoneyField()
    refunded = MoneyField()
    placed_at = MomentField(help_text="When it was locked, or edited last.")
    lock_expires_at = MomentField(allow_null=True, help_text="Until when an unpaid order holds its coupons.")
    redeemed_at = MomentField(allow_null=True)
    closed_at = MomentField(allow_null=True, help_text="When it was released or refunded in full.")
    lines = OrderLineSerializer(many=True)
    coupons = serializers.SerializerMethodField(
        help_text="Every coupon that gives something; `claim` is null for an automatic promotion."
    )
    gifts = OrderGiftSerializer(many=True)
    refunds = RefundSerializer(many=True)

    class Meta:
        model = Order
        fields = [
            "id",
            "reference",
            "shopper",
            "shopper_external_id",
            "state",
            "currency",
            "subtotal",
            "discount",
            "shipping",
            "shipping_discount",
            "tax",
            "payable",
            "refunded",
            "channel",
            "region",
            "placed_at",
            "lock_expires_at",
            "redeemed_at",
            "closed_at",
            "lines",
            "coupons",
            "gifts",
            "refunds",
        ]

    def get_currency(self, _order: Order) -> str:
        return str(settings.SHOP_CURRENCY)

    @extend_schema_field(OrderCouponSerializer(many=True))
    def get_coupons(self, order: Order) -> list[dict[str, Any]]:
        return [
            {
                "claim": str(use.claim.public_id) if use.claim is not None else None,
                "coupon": str(use.coupon.public_id),
                "title": use.coupon.title,
                "amount": _amount(use.amount),
                "shipping_amount": _amount(use.shipping_amount),
            }
            for use in coupons_on(order)
        ]
