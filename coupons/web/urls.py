from django.urls import path

from coupons.web import checkout, coupon, gifts, lotteries, quick_claim, ratings, red_packets, showcase, waiting, wallet

app_name = "coupons"
urlpatterns = [
    path("", showcase.showcase, name="showcase"),
    path("coupons/<uuid:public_id>/", coupon.coupon, name="coupon"),
    path("coupons/<uuid:public_id>/claim/", coupon.claim, name="claim"),
    path("coupons/<uuid:public_id>/queue/<uuid:ticket>/", coupon.queue, name="queue"),
    path("coupons/<uuid:public_id>/quick/", quick_claim.QuickClaimView.as_view(), name="quick_claim"),
    path("coupons/<uuid:public_id>/quick/code/", quick_claim.QuickClaimCodeView.as_view(), name="quick_claim_code"),
    path("coupons/<uuid:public_id>/waiting/join/", waiting.join, name="waiting_join"),
    path("coupons/<uuid:public_id>/waiting/leave/", waiting.leave, name="waiting_leave"),
    path("wallet/", wallet.wallet, name="wallet"),
    path("wallet/code/", wallet.claim_code, name="claim_code"),
    path("code/", wallet.code, name="code"),
    path("wallet/<uuid:public_id>/gift/", gifts.offer, name="gift_offer"),
    path("wallet/<uuid:public_id>/rating/", ratings.rate, name="rate"),
    path("gifts/", gifts.given, name="gifts"),
    path("gifts/<uuid:public_id>/cancel/", gifts.cancel, name="gift_cancel"),
    path("gift/", gifts.receive, name="gift"),
    path("gift/look/", gifts.look, name="gift_look"),
    path("gift/accept/", gifts.accept, name="gift_accept"),
    path("cart/", checkout.cart, name="cart"),
    path("orders/<uuid:public_id>/", checkout.order, name="order"),
    path("red-packets/<uuid:public_id>/", red_packets.red_packet, name="red_packet"),
    path("red-packets/<uuid:public_id>/open/", red_packets.open_packet, name="open_red_packet"),
    path("lotteries/<uuid:public_id>/", lotteries.lottery, name="lottery"),
    path("lotteries/<uuid:public_id>/enter/", lotteries.enter, name="enter_lottery"),
    path("lotteries/<uuid:public_id>/proof.json", lotteries.proof, name="lottery_proof"),
]
