"""What the platform is measured against, behind the same middleware and the same authentication."""

from __future__ import annotations

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from coupons.api.serializers.claims import ClaimCreateSerializer, ClaimSerializer
from coupons.enums import ClaimChannel
from coupons.errors import LimitReached, SoldOut
from coupons.models import Claim, Coupon, StockBucket


class NoOperationView(ApiView):
    """Reads the body, knows the caller, does nothing: the ceiling of this server."""

    scopes = {"POST": "claims:write"}

    def post(self, request: Request) -> Response:
        body = self.read_body(ClaimCreateSerializer)
        return Response({"coupon": str(body["coupon"])}, status=201)


class NaiveClaimView(ApiView):
    """Claims as one writes them first: lock the one row of stock, look, count, write.

    Correct, and without idempotency, ledger, daily limits or audience. Everybody queues for the row until
    the one before has committed.
    """

    scopes = {"POST": "claims:write"}

    def post(self, request: Request) -> Response:
        body, now = self.read_body(ClaimCreateSerializer), database_now()
        with transaction.atomic():
            coupon = Coupon.objects.get(public_id=body["coupon"])
            bucket = StockBucket.objects.select_for_update().get(coupon=coupon)
            if bucket.remaining < 1:
                raise SoldOut
            held = Claim.objects.filter(coupon=coupon, shopper=request.user).count()
            if held >= coupon.limit_per_shopper:
                raise LimitReached(limit=coupon.limit_per_shopper, scope="shopper")
            bucket.remaining -= 1
            bucket.save(update_fields=["remaining"])
            usable_from, expires_at = coupon.usable_window(now)
            claim = Claim.objects.create(
                coupon=coupon,
                shopper=request.user,
                ordinal=held + 1,
                channel=ClaimChannel.WEB,
                claimed_at=now,
                usable_from=usable_from,
                expires_at=expires_at,
            )
        return Response(ClaimSerializer(claim, context={"now": now}).data, status=201)
