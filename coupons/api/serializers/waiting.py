"""Places on a waiting list as the API writes them."""

from __future__ import annotations

from rest_framework import serializers

from config.kernel.api.fields import MomentField
from coupons.enums import WaitingState


class WaitingSerializer(serializers.Serializer):
    """Where a shopper stands on the waiting list of a coupon; all is null for one who was never on it."""

    coupon = serializers.UUIDField()
    state = serializers.ChoiceField(choices=WaitingState.choices, allow_null=True)
    position = serializers.IntegerField(allow_null=True, help_text="The place in the queue, from 1.")
    joined_at = MomentField(allow_null=True)
    claim = serializers.UUIDField(allow_null=True, help_text="What the shopper got.")
