from django.urls import path

from coupons.web import checkout, coupon, showcase, wallet

app_name = "coupons"
urlpatterns = [
    path("", showcase.showcase, name="showcase"),
    path("coupons/<uuid:public_id>/", coupon.coupon, name="coupon"),
    path("coupons/<uuid:public_id>/claim/", coupon.claim, name="claim"),
    path("wallet/", wallet.wallet, name="wallet"),
    path("wallet/code/", wallet.claim_code, name="claim_code"),
    path("cart/", checkout.cart, name="cart"),
    path("orders/<uuid:public_id>/", checkout.order, name="order"),
]
