"""Orders as the API reads and writes them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField
from config.kernel.money import to_decimal
from coupons.api.serializers.quotes import MAXIMUM_CLAIMS, CartLineSerializer
from coupons.enums import OrderState
from coupons.models import Order, OrderLine
from coupons.offers import MAXIMUM_LINES
from users.api.whose import ForShopperSerializer

REFERENCE_PATTERN = r"^[!-~]{1,64}$"


class OrderCreateSerializer(ForShopperSerializer):
    reference = serializers.RegexField(
        REFERENCE_PATTERN, max_length=64, help_text="Your own order number; one order each."
    )
    lines = serializers.ListField(child=CartLineSerializer(), min_length=1, max_length=MAXIMUM_LINES)
    claims = serializers.ListField(child=IdField(), required=False, max_length=MAXIMUM_CLAIMS)
    shipping = MoneyField(required=False)
    expected_payable = MoneyField(
        required=False, help_text="What the shopper was shown; a higher price is refused with `quote_changed`."
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
    sku = serializers.CharField(source="product.sku")
    name = serializers.CharField(source="product.name")
    unit_price = MoneyField()
    amount = serializers.SerializerMethodField(help_text="Before coupons.")
    discount = MoneyField()
    payable = MoneyField()
    discounts = LineDiscountSerializer(many=True)

    class Meta:
        model = OrderLine
        fields = ["sku", "name", "quantity", "unit_price", "amount", "discount", "payable", "discounts"]

    @extend_schema_field(MoneyField)
    def get_amount(self, line: OrderLine) -> str:
        return _amount(line.unit_price * line.quantity)


class OrderCouponSerializer(serializers.Serializer):
    claim = serializers.UUIDField(allow_null=True)
    coupon = serializers.UUIDField()
    title = serializers.CharField()
    amount = MoneyField()


class OrderSerializer(serializers.ModelSerializer):
    """An order with its coupons: `payable = subtotal - discount + shipping`."""

    id = serializers.UUIDField(source="public_id")
    shopper = serializers.UUIDField(source="shopper.public_id")
    shopper_external_id = serializers.CharField(source="shopper.external_id", allow_null=True)
    currency = serializers.SerializerMethodField()
    subtotal = MoneyField()
    discount = MoneyField()
    shipping = MoneyField()
    payable = MoneyField()
    refunded = MoneyField()
    placed_at = MomentField()
    lock_expires_at = MomentField(allow_null=True, help_text="Until when an unpaid order holds its coupons.")
    redeemed_at = MomentField(allow_null=True)
    closed_at = MomentField(allow_null=True, help_text="When it was released or refunded.")
    lines = OrderLineSerializer(many=True)
    coupons = serializers.SerializerMethodField(help_text="What each coupon took off in all.")

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
            "payable",
            "refunded",
            "placed_at",
            "lock_expires_at",
            "redeemed_at",
            "closed_at",
            "lines",
            "coupons",
        ]

    def get_currency(self, _order: Order) -> str:
        return str(settings.SHOP_CURRENCY)

    @extend_schema_field(OrderCouponSerializer(many=True))
    def get_coupons(self, order: Order) -> list[dict[str, Any]]:
        coupons: dict[tuple[int, int | None], dict[str, Any]] = {}
        for line in order.lines.all():
            for discount in line.discounts.all():
                entry = coupons.setdefault(
                    (discount.coupon_id, discount.claim_id),
                    {
                        "claim": str(discount.claim.public_id) if discount.claim is not None else None,
                        "coupon": str(discount.coupon.public_id),
                        "title": discount.coupon.title,
                        "amount": 0,
                    },
                )
                entry["amount"] += discount.amount
        return [{**entry, "amount": _amount(entry["amount"])} for entry in coupons.values()]
