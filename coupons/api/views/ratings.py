"""The one question after a coupon was used."""

from __future__ import annotations

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.idempotency import Answer
from coupons.api import examples
from coupons.api.serializers.ratings import RatingCreateSerializer, RatingSerializer
from coupons.errors import AlreadyRated, NotUsedYet
from coupons.selectors.holdings import claim_held
from coupons.selectors.ratings import rating_of
from coupons.services.ratings import claim_rate
from users.api.whose import ShopperMissing, shopper_needed
from users.errors import ShopperUnknown


class ClaimRatingView(ApiView):
    scopes = {"GET": "claims:read", "POST": "claims:write"}

    @operation(
        id="ratings_read",
        tag="claims",
        summary="Read the rating of a claim",
        response=RatingSerializer,
        response_example=examples.RATING,
        refusals=[NotFound()],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        rating = rating_of(claim_held(public_id=public_id, shopper=self.caller.account))
        if rating is None:
            raise NotFound
        return Response(RatingSerializer(rating).data)

    @operation(
        id="ratings_create",
        tag="claims",
        summary="Rate a used claim",
        description="How was this coupon? One answer for each claim, for good, once it was used.",
        request=RatingCreateSerializer,
        request_example={"shopper_external_id": "customer-1042", "score": 5, "comment": "Easy to use."},
        response=RatingSerializer,
        status=201,
        response_example=examples.RATING,
        refusals=[
            NotFound(),
            NotUsedYet(claim=examples.CLAIM_ID, state="available"),
            AlreadyRated(claim=examples.CLAIM_ID),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
        idempotent=True,
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        body, now = self.read_body(RatingCreateSerializer), database_now()
        claim = claim_held(public_id=public_id, shopper=shopper_needed(self.caller, body))

        def rate() -> Answer:
            rating = claim_rate(claim=claim, score=body["score"], comment=body.get("comment", ""), now=now)
            return Answer(201, RatingSerializer(rating).data)

        return self.answer_once(body, rate)
