"""Lotteries as the API writes them."""

from __future__ import annotations

from datetime import datetime

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.fields import MomentField
from coupons.api.serializers.catalogue import CouponSummarySerializer
from coupons.api.serializers.claims import ClaimSerializer
from coupons.enums import LotteryStanding, LotteryState
from coupons.models import Lottery, LotteryEntry


class LotteryEntrySerializer(serializers.Serializer):
    """A shopper's entry; needs `now` in its context."""

    lottery = serializers.UUIDField(source="lottery.public_id")
    ticket = serializers.UUIDField(help_text="The entry's number in the published file.")
    weight = serializers.IntegerField(help_text="How many lots the ticket has.")
    entered_at = MomentField()
    rank = serializers.IntegerField(allow_null=True, help_text="Place among the winners; null for none.")
    claim = ClaimSerializer(allow_null=True, help_text="What was won, once it has been handed out.")


class LotterySerializer(serializers.Serializer):
    """A lottery; needs `now` in its context, and `entry`, the shopper's own."""

    id = serializers.UUIDField(source="public_id")
    title = serializers.CharField()
    coupon = CouponSummarySerializer(help_text="What is won.")
    opens_at = MomentField()
    closes_at = MomentField()
    winner_count = serializers.IntegerField()
    weight_tag = serializers.CharField(allow_blank=True, help_text="Who carries this tag on entering has more lots.")
    weight = serializers.IntegerField(help_text="How many lots the tag gives.")
    state = serializers.SerializerMethodField()
    entry_count = serializers.IntegerField()
    seed_commitment = serializers.CharField(help_text="SHA-256 of the seed, from the beginning.")
    entries_commitment = serializers.CharField(
        allow_blank=True, help_text="SHA-256 of the list of entries, from their closing on."
    )
    seed = serializers.SerializerMethodField(help_text="What the winners were drawn with; null before.")
    drawn_at = MomentField(allow_null=True)
    entry = serializers.SerializerMethodField(help_text="The shopper's entry; null for none.")

    @extend_schema_field(serializers.ChoiceField(choices=LotteryStanding.choices))
    def get_state(self, lottery: Lottery) -> str:
        now: datetime = self.context["now"]
        return lottery.standing(now).value

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_seed(self, lottery: Lottery) -> str | None:
        # The one thing of a lottery that is secret, until it is drawn.
        return lottery.seed if lottery.state == LotteryState.DRAWN else None

    @extend_schema_field(LotteryEntrySerializer(allow_null=True))
    def get_entry(self, lottery: Lottery) -> dict[str, object] | None:
        entry: LotteryEntry | None = self.context["entry"]
        return LotteryEntrySerializer(entry, context=self.context).data if entry is not None else None
