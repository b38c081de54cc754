"""Places in the queue of a coupon as the API writes them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.kernel.api.problems import json_value
from coupons.api.serializers.claims import ClaimSerializer
from coupons.enums import TicketState
from coupons.services.queueing import Ticket


class TicketRefusalSerializer(serializers.Serializer):
    """Why there is no claim; the members of a problem document that tell it."""

    code = serializers.CharField(help_text="As of a refused claim, or `ticket_lost`.")
    detail = serializers.CharField(help_text="A sentence in the language of the request.")
    details = serializers.DictField(help_text="What belongs to the code, such as `limit` and `resets_at`.")


class ClaimTicketSerializer(serializers.Serializer):
    """A place in the queue of a coupon; needs `now` in its context once there is a claim."""

    ticket = serializers.UUIDField(source="id")
    coupon = serializers.UUIDField()
    state = serializers.ChoiceField(
        choices=TicketState.choices,
        help_text="`lost`: the queue lost it before it was answered, so that nothing was claimed; claim again.",
    )
    position = serializers.IntegerField(allow_null=True, help_text="The place in the queue, from 1, while waiting.")
    retry_after = serializers.IntegerField(
        allow_null=True, help_text="Seconds until it is worth looking again, while waiting."
    )
    claim = ClaimSerializer(allow_null=True, help_text="What the shopper got.")
    refusal = serializers.SerializerMethodField(help_text="Why there is no claim.")

    @extend_schema_field(TicketRefusalSerializer(allow_null=True))
    def get_refusal(self, ticket: Ticket) -> dict[str, Any] | None:
        if ticket.refusal is None:
            return None
        details = {name: json_value(name, value) for name, value in ticket.refusal.data.items()}
        return {"code": ticket.refusal.code, "detail": ticket.refusal.sentence, "details": details}
