"""Lotteries: looked at and entered."""

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
from coupons.api.serializers.lotteries import LotteryEntrySerializer, LotterySerializer
from coupons.errors import LimitReached, LotteryEnded, LotteryNotStarted, LotteryPaused, NotEligible
from coupons.selectors.lotteries import entry_held, lottery_known
from coupons.services.lotteries import lottery_enter
from users.api.whose import ForShopperSerializer, ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown

TOMORROW = datetime(2026, 11, 21, 16, tzinfo=UTC)


class LotteryView(ApiView):
    scopes = {"GET": "claims:read"}

    @operation(
        id="lotteries_read",
        tag="lotteries",
        summary="Read a lottery",
        description=(
            "Its rules, how it stands, the shopper's entry, and what the draw can be checked with. The page of the "
            "lottery has the whole file, with all tickets."
        ),
        parameters=[ForShopperSerializer],
        response=LotterySerializer,
        response_example=examples.LOTTERY,
        refusals=[NotFound(), ShopperUnknown(parameter="shopper")],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        query, now = self.read_query(ForShopperSerializer), database_now()
        lottery = lottery_known(public_id=public_id)
        entry = entry_held(lottery=lottery, shopper=shopper_named(self.caller, query))
        return Response(LotterySerializer(lottery, context={"now": now, "entry": entry}).data)


class LotteryEnterView(ApiView):
    scopes = {"POST": "claims:write"}
    rates = {"POST": "claims"}

    @operation(
        id="lotteries_enter",
        tag="lotteries",
        summary="Enter a lottery",
        description="Gives a shopper one ticket. Who has one already gets the same again, also after the draw.",
        request=ForShopperSerializer,
        request_example={"shopper_external_id": "customer-1042"},
        response=LotteryEntrySerializer,
        status=201,
        response_example=examples.LOTTERY_ENTRY,
        refusals=[
            LotteryNotStarted(starts_at=TOMORROW),
            LotteryEnded(),
            LotteryPaused(),
            NotEligible(reason="tag_needed"),
            LimitReached(limit=1, scope="shopper"),
            NotFound(),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        body, now = self.read_body(ForShopperSerializer), database_now()
        shopper = shopper_needed(self.caller, body)
        lottery = lottery_known(public_id=public_id)

        def enter() -> Answer:
            entry = lottery_enter(lottery=lottery, shopper=shopper, now=now)
            return Answer(201, LotteryEntrySerializer(entry, context={"now": now}).data)

        return self.answer_once(body, enter)
