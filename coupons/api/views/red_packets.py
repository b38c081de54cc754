"""Red packets: looked at and grabbed."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.serializers.red_packets import RedPacketSerializer, RedPacketShareSerializer
from coupons.errors import PacketEnded, PacketNotEligible, PacketNotStarted, PacketPaused, PacketSoldOut
from coupons.selectors.red_packets import red_packet_known, share_held
from coupons.services.red_packets import red_packet_grab
from users.api.whose import ForShopperSerializer, ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown

TOMORROW = datetime(2026, 11, 21, 16, tzinfo=UTC)


class RedPacketView(ApiView):
    scopes = {"GET": "claims:read"}

    @operation(
        id="red_packets_read",
        tag="red packets",
        summary="Read a red packet",
        description="How it stands, and the share that the shopper has of it.",
        parameters=[ForShopperSerializer],
        response=RedPacketSerializer,
        response_example=examples.RED_PACKET,
        refusals=[NotFound(), ShopperUnknown(parameter="shopper")],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        query, now = self.read_query(ForShopperSerializer), database_now()
        packet = red_packet_known(public_id=public_id)
        share = share_held(packet=packet, shopper=shopper_named(self.caller, query))
        return Response(RedPacketSerializer(packet, context={"now": now, "share": share}).data)


class RedPacketGrabView(ApiView):
    scopes = {"POST": "claims:write"}
    rates = {"POST": "claims"}

    @operation(
        id="red_packets_grab",
        tag="red packets",
        summary="Grab a share of a red packet",
        description=(
            "Gives a shopper one share, which is cash in the wallet. Who has one already gets the same share again, "
            "even after the end."
        ),
        request=ForShopperSerializer,
        request_example={"shopper_external_id": "customer-1042"},
        response=RedPacketShareSerializer,
        status=201,
        response_example=examples.RED_PACKET_SHARE,
        refusals=[
            PacketSoldOut(),
            PacketNotStarted(starts_at=TOMORROW),
            PacketEnded(),
            PacketPaused(),
            PacketNotEligible(reason="reserved"),
            NotFound(),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        body, now = self.read_body(ForShopperSerializer), database_now()
        shopper = shopper_needed(self.caller, body)
        packet = red_packet_known(public_id=public_id)

        def grab() -> Answer:
            share = red_packet_grab(packet=packet, shopper=shopper, now=now)
            return Answer(201, RedPacketShareSerializer(share, context={"now": now}).data)

        return self.answer_once(body, grab)
