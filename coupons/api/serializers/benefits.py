"""What a coupon gives and asks for, as the API shows it: the same object for every kind, null where it says nothing."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import MoneyField
from coupons.enums import Application, BenefitType, ThresholdBase, TierBasis
from coupons.models import Coupon


class TierSerializer(serializers.Serializer):
    """One step of a tiered coupon: the highest one that is reached counts."""

    minimum_spend = MoneyField(allow_null=True, help_text="From so much spent on.")
    minimum_quantity = serializers.IntegerField(allow_null=True, help_text="From so many units on.")
    amount_off = MoneyField(allow_null=True)
    percent_off = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)


# Every field is declared, since a rush writes this with every claim.
class BenefitSerializer(serializers.Serializer):
    """What a coupon gives.

    `amount_off` and `percent_off` belong to several types: what is taken off, of each full `every_amount`, of the
    units given by `buy_x_get_y` (none: they are free), or of shipping (neither: it is free).
    """

    type = serializers.ChoiceField(source="benefit_type", choices=BenefitType.choices)
    amount_off = MoneyField(
        allow_null=True, help_text="Null for cash of which each claim has an amount of its own, and free shipping."
    )
    percent_off = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    discount_cap = MoneyField(allow_null=True, help_text="Largest discount on one order.")
    application = serializers.ChoiceField(choices=Application.choices, help_text="What it is taken off.")
    maximum_units = serializers.IntegerField(allow_null=True, help_text="At most so many units are cheaper.")
    every_amount = MoneyField(allow_null=True, help_text="`every_amount_off`: for every so much.")
    tier_basis = serializers.ChoiceField(
        choices=TierBasis.choices, allow_blank=True, help_text="`tiered`: what its tiers count; else empty."
    )
    tiers = serializers.SerializerMethodField(help_text="Of a `tiered` coupon, lowest first.")
    unit_price = MoneyField(allow_null=True, help_text="`fixed_price`: what a unit costs at most.")
    bundle_quantity = serializers.IntegerField(allow_null=True, help_text="`bundle_price`: so many units…")
    bundle_price = MoneyField(allow_null=True, help_text="…cost this much together.")
    buy_quantity = serializers.IntegerField(allow_null=True, help_text="`buy_x_get_y`: for so many bought…")
    get_quantity = serializers.IntegerField(allow_null=True, help_text="…so many are given.")
    maximum_sets = serializers.IntegerField(allow_null=True, help_text="At most so many bundles, or times given.")
    gift_sku = serializers.SerializerMethodField(help_text="`gift_item`: the product given.")
    gift_quantity = serializers.IntegerField(allow_null=True)
    is_partly_usable = serializers.BooleanField(help_text="`cash`: what an order does not use stays in the wallet.")

    @extend_schema_field(TierSerializer(many=True))
    def get_tiers(self, coupon: Coupon) -> list[dict[str, Any]]:
        # Only these are asked for: another benefit has none.
        tiers = coupon.tiers.all() if coupon.benefit_type == BenefitType.TIERED else []
        return [dict(TierSerializer(tier).data) for tier in tiers]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_gift_sku(self, coupon: Coupon) -> str | None:
        return None if coupon.gift_product_id is None or coupon.gift_product is None else coupon.gift_product.sku


class ConditionsSerializer(serializers.Serializer):
    """What the cart, its shopper and the sale must meet besides minimum spend and scope; null or empty: nothing."""

    threshold_base = serializers.ChoiceField(
        choices=ThresholdBase.choices, help_text="Which amounts the minimum spend is compared with."
    )
    minimum_quantity = serializers.IntegerField(help_text="Units in scope; 0 without a minimum.")
    minimum_unit_price = MoneyField(allow_null=True, help_text="Only products from this price on count.")
    maximum_unit_price = MoneyField(allow_null=True, help_text="Only products up to this price count.")
    order_number = serializers.IntegerField(allow_null=True, help_text="Which of the shopper's orders; 1 is the first.")
    new_shopper_days = serializers.IntegerField(allow_null=True, help_text="In the first days of an account.")
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), help_text="0 is Monday; empty: every day."
    )
    hour_from = serializers.TimeField(format="%H:%M", allow_null=True, help_text="On the shop's clock, included.")
    hour_until = serializers.TimeField(
        format="%H:%M", allow_null=True, help_text="Excluded; before `hour_from` it is on the next morning."
    )
    channels = serializers.ListField(child=serializers.CharField())
    regions = serializers.ListField(child=serializers.CharField())


class EnvelopeSerializer(serializers.Serializer):
    """Limits within which the shopper chooses amount, minimum spend and validity.

    The minimum spend is at least `factor` times the amount: from `factor_shortest` for the fewest days to
    `factor_longest` for the most, in a straight line; rounded up to a whole `amount_step`.
    """

    amount_minimum = MoneyField()
    amount_maximum = MoneyField()
    amount_step = MoneyField()
    days_minimum = serializers.IntegerField()
    days_maximum = serializers.IntegerField()
    factor_shortest = serializers.DecimalField(max_digits=6, decimal_places=2)
    factor_longest = serializers.DecimalField(max_digits=6, decimal_places=2)
    spend_maximum = MoneyField()


class ScopeSerializer(serializers.Serializer):
    """The products that a coupon counts, asks for and gives, by SKU, and categories by key.

    Nothing included means all of them. Everything required must be in the cart, nothing forbidden may be.
    """

    include_products = serializers.ListField(child=serializers.CharField())
    include_categories = serializers.ListField(child=serializers.CharField())
    exclude_products = serializers.ListField(child=serializers.CharField())
    exclude_categories = serializers.ListField(child=serializers.CharField())
    require_products = serializers.ListField(child=serializers.CharField())
    require_categories = serializers.ListField(child=serializers.CharField())
    forbid_products = serializers.ListField(child=serializers.CharField())
    forbid_categories = serializers.ListField(child=serializers.CharField())
    give_products = serializers.ListField(child=serializers.CharField(), help_text="What `buy_x_get_y` gives.")
    give_categories = serializers.ListField(child=serializers.CharField())
