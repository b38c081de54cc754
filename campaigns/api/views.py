"""Which of several coupons a shopper is led to."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.serializers import OfferSerializer
from campaigns.errors import NothingToOffer
from campaigns.selectors.variant_groups import coupon_offered, variant_group_known
from campaigns.services.variants import variant_decide
from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from coupons.api import examples
from users.api.whose import ForShopperSerializer, ShopperMissing, shopper_needed
from users.errors import ShopperUnknown


class OfferDecisionView(ApiView):
    scopes = {"POST": "claims:write"}

    @operation(
        id="offers_decide",
        tag="coupons",
        summary="Decide which coupon of a variant group to show a shopper",
        description=(
            "One of the group's coupons, drawn for this shopper and the same all day: ask when you are about to show "
            "it, since it is logged as shown, and what the shopper then does counts for the coupon. Show nothing else "
            "in its place. Asking again on the same day answers the same, so that a retry needs no key."
        ),
        request=ForShopperSerializer,
        request_example={"shopper_external_id": "customer-1042"},
        response=OfferSerializer,
        response_example={"key": "welcome", "day": "2026-11-21", "coupon": examples.COUPON},
        refusals=[
            NothingToOffer(),
            NotFound(),
            ShopperUnknown(parameter="shopper"),
            ShopperMissing(parameter="shopper"),
        ],
    )
    def post(self, request: Request, key: str) -> Response:
        shopper, now = shopper_needed(self.caller, self.read_body(ForShopperSerializer)), database_now()
        decision = variant_decide(group=variant_group_known(key=key), shopper=shopper, now=now)
        offer = {"key": key, "day": decision.day, "coupon": coupon_offered(decision=decision, now=now)}
        return Response(OfferSerializer(offer, context={"now": now}).data)
