"""The waiting list of a sold-out coupon."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from coupons.api import examples
from coupons.api.serializers.waiting import WaitingSerializer
from coupons.errors import Ended, LimitReached, NotEligible, NotSoldOut, NotStarted, Paused, TermsNeeded
from coupons.models import Coupon
from coupons.selectors.holdings import coupon_known
from coupons.selectors.waiting import waiting_entry_of, waiting_position
from coupons.services.waiting import waiting_join, waiting_leave
from users.api.whose import ForShopperSerializer, ShopperMissing, shopper_needed
from users.errors import ShopperUnknown
from users.models import User

TOMORROW = datetime(2026, 11, 21, 16, tzinfo=UTC)
NOBODY = [NotFound(), ShopperUnknown(parameter="shopper"), ShopperMissing(parameter="shopper")]


class WaitingView(ApiView):
    scopes = {"GET": "claims:read", "POST": "claims:write", "DELETE": "claims:write"}

    @operation(
        id="waiting_read",
        tag="waiting list",
        summary="Read a shopper's place on a waiting list",
        parameters=[ForShopperSerializer],
        response=WaitingSerializer,
        response_example=examples.WAITING,
        refusals=NOBODY,
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        shopper = shopper_needed(self.caller, self.read_query(ForShopperSerializer))
        return self._answer(coupon_known(public_id=public_id), shopper)

    @operation(
        id="waiting_join",
        tag="waiting list",
        summary="Join the waiting list of a sold-out coupon",
        description=(
            "When stock returns, those who wait get a claim in their order, before anybody else. Joining again keeps "
            "the place, so that a retry needs no key."
        ),
        request=ForShopperSerializer,
        request_example={"shopper_external_id": "customer-1042"},
        response=WaitingSerializer,
        response_example=examples.WAITING,
        refusals=[
            NotSoldOut(),
            NotStarted(starts_at=TOMORROW),
            Ended(),
            Paused(),
            LimitReached(limit=1, scope="shopper"),
            NotEligible(reason="new_shoppers_only"),
            TermsNeeded(parameter="terms"),
            *NOBODY,
        ],
    )
    def post(self, request: Request, public_id: UUID) -> Response:
        shopper = shopper_needed(self.caller, self.read_body(ForShopperSerializer))
        coupon = coupon_known(public_id=public_id)
        waiting_join(coupon=coupon, shopper=shopper, now=database_now())
        return self._answer(coupon, shopper)

    @operation(
        id="waiting_leave",
        tag="waiting list",
        summary="Leave a waiting list",
        parameters=[ForShopperSerializer],
        response=WaitingSerializer,
        response_example={**examples.WAITING, "state": "left", "position": None},
        refusals=NOBODY,
    )
    def delete(self, request: Request, public_id: UUID) -> Response:
        shopper = shopper_needed(self.caller, self.read_query(ForShopperSerializer))
        coupon = coupon_known(public_id=public_id)
        waiting_leave(coupon=coupon, shopper=shopper, now=database_now())
        return self._answer(coupon, shopper)

    def _answer(self, coupon: Coupon, shopper: User) -> Response:
        entry = waiting_entry_of(coupon=coupon, shopper=shopper)
        place = {
            # Named by the address: the coupon itself was read with its key alone.
            "coupon": self.kwargs["public_id"],
            "state": entry and entry.state,
            "position": entry and waiting_position(entry),
            "joined_at": entry and entry.joined_at,
            "claim": entry and entry.claim and entry.claim.public_id,
        }
        return Response(WaitingSerializer(place).data)
