"""Ratings as the API reads and writes them."""

from __future__ import annotations

from rest_framework import serializers

from config.kernel.api.fields import MomentField, TextField, WholeNumberField
from coupons.models.rating import COMMENT_LENGTH, HIGHEST, LOWEST
from users.api.whose import ForShopperSerializer


class RatingCreateSerializer(ForShopperSerializer):
    score = WholeNumberField(min_value=LOWEST, max_value=HIGHEST, help_text="Stars: 5 is best.")
    comment = TextField(required=False, allow_blank=True, max_length=COMMENT_LENGTH)


class RatingSerializer(serializers.Serializer):
    """What a shopper thought of a coupon after using it."""

    claim = serializers.UUIDField(source="claim.public_id")
    score = serializers.IntegerField()
    comment = serializers.CharField()
    rated_at = MomentField()
