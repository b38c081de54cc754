"""Gifts as the API reads and writes them."""

from __future__ import annotations

from datetime import datetime

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import MomentField, TextField
from coupons.api.serializers.catalogue import CouponSummarySerializer
from coupons.enums import GiftState
from coupons.models import Gift
from users.api.whose import ForShopperSerializer

MESSAGE_LENGTH = 140
TOKEN_LENGTH = 200


class GiftQuerySerializer(ForShopperSerializer):
    state = serializers.ChoiceField(required=False, choices=GiftState.choices)


class GiftOfferSerializer(ForShopperSerializer):
    message = TextField(
        required=False, allow_blank=True, max_length=MESSAGE_LENGTH, help_text="To whoever receives the gift."
    )


class GiftAcceptSerializer(ForShopperSerializer):
    token = TextField(max_length=TOKEN_LENGTH, help_text="The secret of the gift's link: what stands behind `#gift=`.")


class GiftSerializer(serializers.Serializer):
    """A claim offered as a gift, as its giver sees it; needs `now` in its context."""

    id = serializers.UUIDField(source="public_id")
    claim = serializers.UUIDField(source="claim.public_id", help_text="The giver's claim.")
    coupon = CouponSummarySerializer(source="claim.coupon")
    shopper = serializers.UUIDField(source="giver.public_id", help_text="The giver.")
    shopper_external_id = serializers.CharField(source="giver.external_id", allow_null=True)
    message = serializers.CharField()
    state = serializers.SerializerMethodField()
    offered_at = MomentField()
    expires_at = MomentField()
    closed_at = MomentField(allow_null=True, help_text="When it was accepted, taken back or expired.")

    @extend_schema_field(serializers.ChoiceField(choices=GiftState.choices))
    def get_state(self, gift: Gift) -> str:
        now: datetime = self.context["now"]
        return gift.state_at(now).value


class OfferedGiftSerializer(GiftSerializer):
    """A gift just offered; its link is answered to the offer alone."""

    link = serializers.URLField(help_text="To be passed on to the recipient.")
    token = serializers.CharField(help_text="The secret in the link.")
