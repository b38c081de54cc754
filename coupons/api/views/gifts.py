"""Giving claims away by link."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.pagination import NewestFirstPagination
from config.kernel.api.schema import operation
from config.kernel.api.serializers import NothingSerializer
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.addresses import address_to_count
from coupons.api.serializers.claims import ClaimSerializer
from coupons.api.serializers.gifts import (
    GiftAcceptSerializer,
    GiftOfferSerializer,
    GiftQuerySerializer,
    GiftSerializer,
    OfferedGiftSerializer,
)
from coupons.errors import (
    AlreadyRedeemed,
    ClaimLocked,
    ClaimNotUsable,
    GiftClosed,
    GiftInvalid,
    GiftLimitReached,
    GiftRefused,
    NotEligible,
    TooManyWrongCodes,
)
from coupons.links import gift_link
from coupons.selectors.gifts import gift_given, gifts_given
from coupons.selectors.holdings import claim_held
from coupons.services.code_guard import few_wrong_codes
from coupons.services.gifts import gift_accept, gift_cancel, gift_offer, gift_token
from users.api.whose import ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown

TOMORROW = datetime(2026, 11, 21, 16, tzinfo=UTC)


class ClaimGiftView(ApiView):
    scopes = {"POST": "claims:write"}

    @operation(
        id="gifts_offer",
        tag="gifts",
        summary="Offer a claim as a gift",
        description=(
            "Answers a link for whoever is to receive it. Until the gift is accepted, taken back or expired, the "
            "giver cannot use the claim. The link is in this answer and its retries only; of its secret no more "
            "than a checksum is stored."
        ),
        request=GiftOfferSerializer,
        request_example={"shopper_external_id": "customer-1042", "message": "For your birthday"},
        response=OfferedGiftSerializer,
        status=201,
        response_example=examples.OFFERED_GIFT,
        refusals=[
            NotFound(),
            ClaimNotUsable(claim=examples.CLAIM_ID, state="expired"),
            ClaimLocked(claim=examples.CLAIM_ID, state="locked"),
            AlreadyRedeemed(claim=examples.CLAIM_ID, state="redeemed"),
            GiftRefused(reason="not_giftable"),
            GiftLimitReached(limit=5, resets_at=TOMORROW),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        body, now = self.read_body(GiftOfferSerializer), database_now()
        giver = shopper_needed(self.caller, body)
        claim = claim_held(public_id=public_id, shopper=giver)

        def offer() -> Answer:
            gift = gift_offer(claim=claim, giver=giver, message=body.get("message", ""), now=now)
            return Answer(201, GiftSerializer(gift, context={"now": now}).data)

        response = self.answer_once(body, offer)
        # Worked out anew for every retry: the stored answer holds no secret.
        token = gift_token(gift_id=response.data["id"])
        response.data = {**response.data, "link": gift_link(token), "token": token}
        return response


class GiftsView(ApiView):
    scopes = {"GET": "claims:read"}
    pagination_class = NewestFirstPagination

    @operation(
        id="gifts_list",
        tag="gifts",
        summary="List gifts",
        description="Those that a shopper gave; the shop's backend sees everybody's, or one shopper's. Newest first.",
        parameters=[GiftQuerySerializer],
        response=GiftSerializer(many=True),
        response_example=examples.GIFT,
        refusals=[ShopperUnknown(parameter="shopper")],
    )
    def get(self, request: Request) -> Response:
        query, now = self.read_query(GiftQuerySerializer), database_now()
        gifts = gifts_given(shopper=shopper_named(self.caller, query), state=query.get("state", ""), now=now)
        self.ordering = ("-public_id",)
        return self.answer_page(gifts, GiftSerializer, now=now)


class GiftAcceptView(ApiView):
    scopes = {"POST": "claims:write"}

    @operation(
        id="gifts_accept",
        tag="gifts",
        summary="Accept a gift",
        description="Answers the recipient's new claim: the same coupon, terms and end. It counts against no limit.",
        request=GiftAcceptSerializer,
        request_example={"shopper_external_id": "customer-2077", "token": examples.GIFT_LINK_END},
        response=ClaimSerializer,
        status=201,
        response_example={**examples.CLAIM, "channel": "gift"},
        refusals=[
            GiftInvalid(),
            GiftRefused(reason="own_gift"),
            NotEligible(reason="new_shoppers_only"),
            TooManyWrongCodes(retry_after=42),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request) -> Response:
        body, now = self.read_body(GiftAcceptSerializer), database_now()
        recipient = shopper_needed(self.caller, body)

        def accept() -> Answer:
            with few_wrong_codes(shopper=recipient, address=address_to_count(self.caller, self.request)):
                gift = gift_accept(token=body["token"], recipient=recipient, now=now)
            return Answer(201, ClaimSerializer(gift.received, context={"now": now}).data)

        return self.answer_once(body, accept)


class GiftCancelView(ApiView):
    scopes = {"POST": "claims:write"}

    @operation(
        id="gifts_cancel",
        tag="gifts",
        summary="Take a gift back",
        description="Nobody has accepted it yet: its giver can use the claim again, unless it has expired meanwhile.",
        response=GiftSerializer,
        response_example={**examples.GIFT, "state": "cancelled", "closed_at": "2026-11-21T06:00:00Z"},
        refusals=[NotFound(), GiftClosed(state="accepted")],
        idempotent=True,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        # A step has nothing to say beyond its address; an empty body reads as an empty object.
        body: dict[str, Any] = self.read_body(NothingSerializer)
        now = database_now()
        gift = gift_given(public_id=public_id, shopper=self.caller.account, now=now)

        def cancel() -> Answer:
            gift_cancel(gift=gift, giver=gift.giver, now=now)
            closed = gift_given(public_id=public_id, shopper=None, now=now)
            return Answer(200, GiftSerializer(closed, context={"now": now}).data)

        return self.answer_once(body, cancel)
