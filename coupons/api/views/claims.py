"""Claiming, and what a shopper holds."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.pagination import NewestFirstPagination
from config.kernel.api.schema import operation
from config.kernel.api.serializers import represent
from config.kernel.api.views import REPLAYED_HEADER, ApiView
from config.kernel.clock import database_now, recent_database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer, run_once
from coupons.api import examples
from coupons.api.addresses import address_to_count
from coupons.api.serializers.claims import (
    ChallengeSerializer,
    ClaimCreateSerializer,
    ClaimQuerySerializer,
    ClaimSerializer,
)
from coupons.api.serializers.tickets import ClaimTicketSerializer
from coupons.api.views.tickets import queue_of, ticket_response
from coupons.counters import claim_counted
from coupons.enums import ClaimChannel
from coupons.errors import (
    ChallengeFailed,
    ChallengeRequired,
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
from coupons.services.claims import claim_create_by_code, claim_create_once
from coupons.services.code_guard import few_wrong_codes
from coupons.services.proofs import challenge_for, shopper_holding
from coupons.services.queueing import claim_without_queue, ticket_take
from users.api.whose import ForShopperSerializer, ShopperMissing, shopper_named, shopper_needed
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
            "never lost; a retry under the same key is the same claim. A coupon in queued mode answers 202 with a "
            "ticket: nothing is won yet, and the ticket says soon what became of it."
        ),
        request=ClaimCreateSerializer,
        request_example={"coupon": examples.COUPON_ID, "shopper_external_id": "customer-1042"},
        response={201: ClaimSerializer, 202: ClaimTicketSerializer},
        response_example={201: examples.CLAIM, 202: examples.CLAIM_TICKET},
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
            ChallengeRequired(challenge=examples.CHALLENGE),
            ChallengeFailed(reason="expired", challenge=examples.CHALLENGE),
            TermsNeeded(parameter="terms"),
            OutsideLimits(parameter="minimum_spend", least_amount=100_00, most_amount=300_00),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request) -> Response:
        body = self.read_body(ClaimCreateSerializer)
        shopper = shopper_needed(self.caller, body)
        channel = self._channel(body)
        with claim_counted(channel=channel, coupon=body.get("coupon")) as attempt:
            response = self._claim(body, shopper, channel)
            attempt.answered(status=response.status_code, replayed=REPLAYED_HEADER in response.headers)
            return response

    def _channel(self, body: dict[str, Any]) -> ClaimChannel:
        if "code" in body:
            return ClaimChannel.CODE
        return ClaimChannel.API if self.caller.is_integrator else ClaimChannel.WEB

    def _claim(self, body: dict[str, Any], shopper: User, channel: ClaimChannel) -> Response:
        # No part of what is asked for: a retry that had to work for another proof is still the same request.
        proof: str | None = body.pop("proof", "")
        # The shop's backend need not work, but what its own page worked for is looked at.
        if self.caller.is_integrator and not proof:
            proof = None
        attempt = self.attempt(body)
        queued = queue_of(body)
        if queued is not None:
            ticket = ticket_take(coupon=queued, shopper=shopper, attempt=attempt, proof=proof)
            if ticket is not None:
                return ticket_response(ticket, status=202)
        now = recent_database_now()

        def answer(claim: Claim) -> Answer:
            return Answer(201, represent(ClaimSerializer, claim, now=now))

        if "code" in body:
            by_code = partial(self._claim_by_code, shopper, body["code"], now)
            return self.respond(run_once(attempt=attempt, action=lambda: answer(by_code())))
        if queued is not None:
            at_once = partial(
                claim_without_queue, coupon=queued, shopper=shopper, attempt=attempt, channel=channel, now=now
            )
            return self.respond(run_once(attempt=attempt, action=lambda: answer(at_once())))
        answered = claim_create_once(
            attempt=attempt,
            shopper=shopper,
            coupon=coupon_known(public_id=body["coupon"]),
            channel=channel,
            now=now,
            answer=answer,
            proof=proof,
            terms=ChosenTerms(**body["terms"]) if "terms" in body else None,
        )
        return self.respond(answered)

    def _claim_by_code(self, shopper: User, code: str, now: datetime) -> Claim:
        with few_wrong_codes(shopper=shopper, address=address_to_count(self.caller, self.request)):
            return claim_create_by_code(shopper=shopper, text=code, channel=ClaimChannel.CODE, now=now)


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


class ChallengeView(ApiView):
    scopes = {"GET": "claims:write"}

    @operation(
        id="challenges_read",
        tag="claims",
        summary="Get a challenge for a claim",
        description=(
            "For a coupon that `needs_proof_of_work`. Find the number that gives the hash, and claim within ten "
            "minutes with `proof`: base64 of a JSON object of `algorithm`, `challenge`, `number`, `salt` and "
            "`signature`. It counts once, for this coupon and this shopper; the more a coupon is asked for, the larger "
            "`maxnumber`."
        ),
        parameters=[ForShopperSerializer],
        response=ChallengeSerializer,
        response_example=examples.CHALLENGE,
        refusals=[NotFound(), ShopperUnknown(parameter="shopper"), ShopperMissing(parameter="shopper")],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        shopper = shopper_needed(self.caller, self.read_query(ForShopperSerializer))
        coupon = coupon_known(public_id=public_id)
        challenge = challenge_for(coupon=coupon, holder=shopper_holding(shopper), now=database_now())
        return Response(ChallengeSerializer(challenge).data, headers={"Cache-Control": "no-store"})
