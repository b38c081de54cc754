"""Reading coupons and products."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from rest_framework.request import Request
from rest_framework.response import Response

from config.kernel.api.pagination import NewestFirstPagination, RankedPagination
from config.kernel.api.schema import operation
from config.kernel.api.views import ApiView
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from coupons.api import examples
from coupons.api.serializers.catalogue import (
    CouponQuerySerializer,
    CouponSerializer,
    ProductQuerySerializer,
    ProductSerializer,
)
from coupons.enums import CouponState
from coupons.selectors.catalogue import product_search
from coupons.selectors.showcase import showcase_coupons, visible_coupons

SCOPE_OF_COUPON = ("scope_entries__product", "scope_entries__category")


class CouponsView(ApiView):
    scopes = {"GET": "coupons:read"}
    pagination_class = RankedPagination

    @operation(
        id="coupons_list",
        tag="coupons",
        summary="Find coupons",
        description="The showcase: coupons that everybody may see. One that needs a code is not among them.",
        parameters=[CouponQuerySerializer],
        response=CouponSerializer(many=True),
        response_example=examples.COUPON,
    )
    def get(self, request: Request) -> Response:
        query, now = self.read_query(CouponQuerySerializer), database_now()
        has_opened = Q(claim_starts_at__lte=now)
        coupons = showcase_coupons(
            now=now,
            shopper=self.caller.account,
            category_key=query.get("category", ""),
            benefit_type=query.get("benefit_type", ""),
            query=query.get("q", ""),
            sort=query["sort"],
        ).filter(has_opened if query["state"] == CouponState.LIVE else ~has_opened)
        return self.answer_page(coupons.prefetch_related(*SCOPE_OF_COUPON), CouponSerializer, now=now)


class CouponView(ApiView):
    scopes = {"GET": "coupons:read"}

    @operation(
        id="coupons_read",
        tag="coupons",
        summary="Read a coupon",
        description="Any coupon that is live or scheduled, one that needs a code included.",
        response=CouponSerializer,
        response_example=examples.COUPON,
        refusals=[NotFound()],
    )
    def get(self, request: Request, public_id: UUID) -> Response:
        now = database_now()
        coupons = visible_coupons(now=now, shopper=self.caller.account).prefetch_related(*SCOPE_OF_COUPON)
        coupon = coupons.filter(public_id=public_id).first()
        if coupon is None:
            raise NotFound
        return Response(CouponSerializer(coupon, context={"now": now}).data)


class ProductsView(ApiView):
    scopes = {"GET": "coupons:read"}
    pagination_class = NewestFirstPagination
    # By its unique index, so that a page of a hundred thousand products costs as much as one of ten.
    ordering = ("sku",)

    @operation(
        id="products_list",
        tag="products",
        summary="Search products",
        description="The mirror of the shop's catalogue; only what is on sale.",
        parameters=[ProductQuerySerializer],
        response=ProductSerializer(many=True),
        response_example=examples.PRODUCT,
    )
    def get(self, request: Request) -> Response:
        query = self.read_query(ProductQuerySerializer)
        products = product_search(query=query.get("q", ""), category_key=query.get("category", ""))
        return self.answer_page(products, ProductSerializer)
