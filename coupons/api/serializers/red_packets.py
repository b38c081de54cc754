"""Red packets as the API writes them."""

from __future__ import annotations

from datetime import datetime

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import MomentField, MoneyField
from coupons.api.serializers.claims import ClaimSerializer
from coupons.enums import RedPacketSplit, RedPacketStanding
from coupons.models import RedPacket, RedPacketShare


class RedPacketShareSerializer(serializers.Serializer):
    """What a shopper got; needs `now` in its context."""

    red_packet = serializers.UUIDField(source="packet.public_id")
    amount = MoneyField()
    taken_at = MomentField()
    claim = ClaimSerializer(help_text="The share in the shopper's wallet.")


class RedPacketSerializer(serializers.Serializer):
    """A red packet; needs `now` in its context, and `share`, what the shopper has of it."""

    id = serializers.UUIDField(source="public_id")
    title = serializers.CharField()
    split = serializers.ChoiceField(choices=RedPacketSplit.choices)
    total = MoneyField()
    share_count = serializers.IntegerField()
    taken_count = serializers.IntegerField()
    opens_at = MomentField()
    ends_at = MomentField()
    state = serializers.SerializerMethodField()
    share = serializers.SerializerMethodField(help_text="What the shopper got of it; null for nothing yet.")

    @extend_schema_field(serializers.ChoiceField(choices=RedPacketStanding.choices))
    def get_state(self, packet: RedPacket) -> str:
        now: datetime = self.context["now"]
        return packet.standing(now).value

    @extend_schema_field(RedPacketShareSerializer(allow_null=True))
    def get_share(self, packet: RedPacket) -> dict[str, object] | None:
        share: RedPacketShare | None = self.context["share"]
        return RedPacketShareSerializer(share, context=self.context).data if share is not None else None
