"""Claims as the API reads and writes them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import IdField, MomentField, MoneyField, TextField, WholeNumberField
from config.kernel.api.serializers import StrictSerializer, represent
from coupons.api.serializers.catalogue import CouponSummarySerializer
from coupons.enums import ClaimChannel, ClaimState
from coupons.errors import TermsFixed
from coupons.models import Claim
from users.api.whose import ForShopperSerializer


class ClaimQuerySerializer(ForShopperSerializer):
    state = serializers.ChoiceField(required=False, choices=ClaimState.choices)


class TermsSerializer(StrictSerializer):
    """What the shopper chose of a coupon with an envelope."""

    amount_off = MoneyField()
    minimum_spend = MoneyField()
    days = WholeNumberField(min_value=1)


class ClaimCreateSerializer(ForShopperSerializer):
    """Which coupon to claim: by its id, or by a code that somebody typed."""

    coupon = IdField(required=False)
    code = TextField(required=False, max_length=160)
    terms = TermsSerializer(
        required=False, help_text="Needed for a coupon with an `envelope`, within its limits; refused for any other."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs = super().validate(attrs)
        if ("coupon" in attrs) == ("code" in attrs):
            raise serializers.ValidationError({"coupon": [_("Name either a coupon or a code.")]})
        if "terms" in attrs and "code" in attrs:
            raise serializers.ValidationError({"terms": [TermsFixed.message]})
        return attrs


class OwnTermsSerializer(serializers.Serializer):
    """Terms of one claim alone: a share of a red packet, or what its shopper chose."""

    amount_off = MoneyField(allow_null=True)
    minimum_spend = MoneyField(allow_null=True)


# Every field is declared: working them out from the model would cost as much as the claim in the database.
class ClaimSerializer(serializers.Serializer):
    """A coupon held by a shopper; needs `now` in its context."""

    id = serializers.UUIDField(source="public_id")
    coupon = serializers.SerializerMethodField(help_text="With the terms of this claim where it has its own.")
    shopper = serializers.UUIDField(source="shopper.public_id")
    shopper_external_id = serializers.CharField(source="shopper.external_id", allow_null=True)
    state = serializers.SerializerMethodField()
    channel = serializers.ChoiceField(choices=ClaimChannel.choices)
    claimed_at = MomentField()
    usable_from = MomentField()
    expires_at = MomentField()
    order = serializers.SerializerMethodField(help_text="The order that holds or used it.")
    terms = OwnTermsSerializer(source="*", help_text="Of this claim alone; null where the coupon's hold.")

    @extend_schema_field(CouponSummarySerializer)
    def get_coupon(self, claim: Claim) -> dict[str, Any]:
        # A coupon from the shelf remembers how it was written, language by language.
        written: dict[str, Any] | None = vars(claim.coupon).get("written")
        if written is None or claim.has_own_terms:
            return represent(CouponSummarySerializer, claim.coupon_as_held)
        language = get_language() or ""
        if language not in written:
            written[language] = represent(CouponSummarySerializer, claim.coupon)
        return written[language]

    @extend_schema_field(serializers.ChoiceField(choices=ClaimState.choices))
    def get_state(self, claim: Claim) -> str:
        now: datetime = self.context["now"]
        return claim.state_at(now).value

    @extend_schema_field(serializers.UUIDField(allow_null=True))
    def get_order(self, claim: Claim) -> str | None:
        return str(claim.order.public_id) if claim.order is not None else None
