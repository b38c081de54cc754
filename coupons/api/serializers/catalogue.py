"""Coupons and products as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import MomentField, MoneyField, TextField
from config.kernel.api.serializers import StrictSerializer
from coupons.affinity_words import affinity_sentence
from coupons.api.serializers.benefits import (
    BenefitSerializer,
    ConditionsSerializer,
    EnvelopeSerializer,
    ScopeSerializer,
)
from coupons.enums import AudienceKind, BenefitType, CouponState, Handout, RefundPolicy, ScopeMode
from coupons.models import Coupon, Product
from coupons.selectors.showcase import SORTS
from coupons.wording import headline


class CouponQuerySerializer(StrictSerializer):
    state = serializers.ChoiceField(
        choices=[CouponState.LIVE.value, CouponState.SCHEDULED.value],
        default=CouponState.LIVE.value,
        help_text="`live` can be claimed now; `scheduled` opens later.",
    )
    category = TextField(required=False, max_length=80, help_text="Key of a category.")
    benefit_type = serializers.ChoiceField(required=False, choices=BenefitType.choices)
    q = TextField(required=False, allow_blank=True, max_length=200, help_text="Words in a title or description.")
    sort = serializers.ChoiceField(choices=SORTS, default="recommended")


class ProductQuerySerializer(StrictSerializer):
    q = TextField(required=False, allow_blank=True, max_length=200, help_text="Words in a name, brand or SKU.")
    category = TextField(required=False, max_length=80, help_text="Key of a category.")


# Every field is declared, since a rush writes this with every claim.
class CouponSummarySerializer(serializers.Serializer):
    """A coupon as its claims show it."""

    id = serializers.UUIDField(source="public_id")
    title = serializers.CharField()
    headline = serializers.SerializerMethodField(help_text="What it gives, in words.")
    benefit = BenefitSerializer(source="*")
    minimum_spend = MoneyField()
    stacking_group = serializers.CharField(help_text="At most one coupon of a group on an order.")
    is_exclusive = serializers.BooleanField(help_text="Alone on the order.")

    def get_headline(self, coupon: Coupon) -> str:
        return headline(coupon)


class CouponSerializer(CouponSummarySerializer):
    """A coupon of the showcase; needs `now` in its context."""

    description = serializers.CharField()
    state = serializers.SerializerMethodField()
    conditions = ConditionsSerializer(source="*")
    scope = serializers.SerializerMethodField()
    envelope = serializers.SerializerMethodField(help_text="Of a coupon that the shopper fits to taste; else null.")
    is_giftable = serializers.BooleanField(help_text="A claim may be given to another shopper.")
    needs_proof_of_work = serializers.BooleanField(
        help_text="A shopper's session claims it with a solved challenge only."
    )
    refund_policy = serializers.ChoiceField(
        choices=RefundPolicy.choices,
        help_text="Partial refunds: what was paid, or less the discount that the rest no longer earns.",
    )
    audience = serializers.ChoiceField(choices=AudienceKind.choices)
    handout = serializers.ChoiceField(choices=Handout.choices, help_text="By which way it reaches shoppers.")
    claim_starts_at = MomentField()
    claim_ends_at = MomentField()
    usable_from = MomentField(allow_null=True)
    usable_until = MomentField(allow_null=True)
    usable_days = serializers.IntegerField(allow_null=True)
    limit_per_shopper = serializers.IntegerField()
    limit_per_shopper_per_day = serializers.IntegerField(allow_null=True)
    limit_per_day = serializers.IntegerField(allow_null=True)
    remaining = serializers.IntegerField(allow_null=True, help_text="How many are left; null without a limit.")
    claimed_by_shopper = serializers.IntegerField(help_text="How many the shopper has claimed.")
    not_eligible_reason = serializers.SerializerMethodField(
        help_text="Why a claim of this shopper would be `not_eligible`; null if it would not."
    )
    reason = serializers.SerializerMethodField(
        help_text="Why the shopper sees it, in words; null for a coupon that nothing recommends."
    )

    @extend_schema_field(serializers.ChoiceField(choices=CouponState.choices))
    def get_state(self, coupon: Coupon) -> str:
        now: datetime = self.context["now"]
        return coupon.state(now).value

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_not_eligible_reason(self, coupon: Coupon) -> str | None:
        # Annotated by the selector.
        return coupon.not_for_shopper or None  # type: ignore[attr-defined]

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_reason(self, coupon: Coupon) -> str | None:
        # Annotated by the selector.
        return affinity_sentence(coupon.affinity_reason, coupon.affinity_data) or None  # type: ignore[attr-defined]

    @extend_schema_field(EnvelopeSerializer(allow_null=True))
    def get_envelope(self, coupon: Coupon) -> dict[str, Any] | None:
        envelope = getattr(coupon, "envelope", None)
        return None if envelope is None else EnvelopeSerializer(envelope).data

    @extend_schema_field(ScopeSerializer)
    def get_scope(self, coupon: Coupon) -> dict[str, list[str]]:
        scope: dict[str, list[str]] = {
            f"{mode.value}_{kind}": [] for mode in ScopeMode for kind in ("products", "categories")
        }
        for entry in coupon.scope_entries.all():
            if entry.product is not None:
                scope[f"{entry.mode}_products"].append(entry.product.sku)
            elif entry.category is not None:
                scope[f"{entry.mode}_categories"].append(entry.category.key)
        return scope


class ProductSerializer(serializers.ModelSerializer):
    name = serializers.CharField()
    price = MoneyField()
    category = serializers.CharField(source="category.key")
    product_type = serializers.CharField(help_text="What it is, in the shop's word; may be empty.")

    class Meta:
        model = Product
        fields = ["sku", "name", "brand", "price", "category", "product_type"]
