from django.urls import path

from coupons.api.views import catalogue, checkout, claims, quotes, red_packets

urlpatterns = [
    path("coupons", catalogue.CouponsView.as_view(), name="coupons"),
    path("coupons/<uuid:public_id>", catalogue.CouponView.as_view(), name="coupon"),
    path("products", catalogue.ProductsView.as_view(), name="products"),
    path("claims", claims.ClaimsView.as_view(), name="claims"),
    path("claims/<uuid:public_id>", claims.ClaimView.as_view(), name="claim"),
    path("quotes", quotes.QuotesView.as_view(), name="quotes"),
    path("orders", checkout.OrdersView.as_view(), name="orders"),
    path("orders/<uuid:public_id>", checkout.OrderView.as_view(), name="order"),
    path("orders/<uuid:public_id>/redeem", checkout.OrderRedeemView.as_view(), name="order_redeem"),
    path("orders/<uuid:public_id>/release", checkout.OrderReleaseView.as_view(), name="order_release"),
    path("orders/<uuid:public_id>/refund", checkout.OrderRefundView.as_view(), name="order_refund"),
    path("red-packets/<uuid:public_id>", red_packets.RedPacketView.as_view(), name="red_packet"),
    path("red-packets/<uuid:public_id>/grab", red_packets.RedPacketGrabView.as_view(), name="red_packet_grab"),
]
