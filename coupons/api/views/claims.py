"""Claiming, and what a shopper holds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.pagination import NewestFirstPagination
from config.kernel.api.schema import operation
from config.kernel.api.views import REPLAYED_HEADER, ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.addresses import address_to_count
from coupons.api.serializers.claims import ClaimCreateSerializer, ClaimQuerySerializer, ClaimSerializer
from coupons.counters import claim_counted
from coupons.enums import ClaimChannel
from coupons.errors import (
    ClaimInFlight,
    CodeInvalid,
    Ended,
    LimitReached,
    NotEligible,
    NotStarted,
    OutsideLimits,
    Paused,
    SoldOut,
    TermsNeeded,
    TooManyWrongCodes,
)
from coupons.fitting import ChosenTerms
from coupons.models import Claim
from coupons.selectors.holdings import claim_held, claims_held, coupon_known
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.code_guard import few_wrong_codes
from users.api.whose import ShopperMissing, shopper_named, shopper_needed
from users.errors import ShopperUnknown
from users.models import User

TOMORROW = datetime(2026, 11, 21, 16, tzinfo=UTC)


class ClaimsView(ApiView):
    scopes = {"GET": "claims:read", "POST": "claims:write"}
    rates = {"POST": "claims"}
    pagination_class = NewestFirstPagination

    @operation(
        id="claims_list",
        tag="claims",
        summary="List claims",
        description="A shopper's own; the shop's backend sees everybody's, or one shopper's. Newest first.",
        parameters=[ClaimQuerySerializer],
        response=ClaimSerializer(many=True),
        response_example=examples.CLAIM,
        refusals=[ShopperUnknown(parameter="shopper")],
    )
    def get(self, request: Request) -> Response:
        query, now = self.read_query(ClaimQuerySerializer), database_now()
        shopper = shopper_named(self.caller, query)
        claims = claims_held(now=now, shopper=shopper, state=query.get("state", ""))
        # Each order has its index: a shopper's claims by time, everybody's by the time that their ids carry.
        self.ordering = ("-claimed_at", "-pk") if shopper is not None else ("-public_id",)
        return self.answer_page(claims, ClaimSerializer, now=now)

    @operation(
        id="claims_create",
        tag="claims",
        summary="Claim a coupon",
        description=(
            "Hands one claim of a coupon to a shopper, by the coupon's id or by a code. An acknowledged claim is "
            "never lost; a retry under the same key is the same claim."
        ),
        request=ClaimCreateSerializer,
        request_example={"coupon": examples.COUPON_ID, "shopper_external_id": "customer-1042"},
        response=ClaimSerializer,
        status=201,
        response_example=examples.CLAIM,
        refusals=[
            SoldOut(),
            NotStarted(starts_at=TOMORROW),
            Ended(),
            Paused(),
            LimitReached(limit=1, scope="day", resets_at=TOMORROW),
            ClaimInFlight(retry_after=2),
            NotEligible(reason="new_shoppers_only"),
            CodeInvalid(),
            TooManyWrongCodes(retry_after=42),
            TermsNeeded(parameter="terms"),
            OutsideLimits(parameter="minimum_spend", least_amount=100_00, most_amount=300_00),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request) -> Response:
        body, now = self.read_body(ClaimCreateSerializer), database_now()
        shopper = shopper_needed(self.caller, body)
        with claim_counted(channel=self._channel(body), coupon=body.get("coupon")) as attempt:
            response = self.answer_once(
                body, lambda: Answer(201, ClaimSerializer(self._claim(shopper, body, now), context={"now": now}).data)
            )
            attempt.answered(status=response.status_code, replayed=REPLAYED_HEADER in response.headers)
            return response

    def _channel(self, body: dict[str, Any]) -> ClaimChannel:
        if "code" in body:
            return ClaimChannel.CODE
        return ClaimChannel.API if self.caller.is_integrator else ClaimChannel.WEB

    def _claim(self, shopper: User, body: dict[str, Any], now: datetime) -> Claim:
        if "code" in body:
            with few_wrong_codes(shopper=shopper, address=address_to_count(self.caller, self.request)):
                return claim_create_by_code(shopper=shopper, text=body["code"], channel=ClaimChannel.CODE, now=now)
        channel = self._channel(body)
        coupon = coupon_known(public_id=body["coupon"])
        terms = ChosenTerms(**body["terms"]) if "terms" in body else None
        return claim_create(shopper=shopper, coupon=coupon, channel=channel, now=now, terms=terms)


class ClaimView(ApiView):
    scopes = {"GET": "claims:read"}

    @operation(
        id="claims_read",
        tag="claims",
        summary="Read a claim",
        response=ClaimSerializer,
        response_example=examples.CLAIM,
        refusals=[NotFound()],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        claim = claim_held(public_id=public_id, shopper=self.caller.account)
        return Response(ClaimSerializer(claim, context={"now": database_now()}).data)
