from django.urls import path

from coupons.api.views import catalogue, checkout, claims, gifts, lotteries, quotes, ratings, red_packets, tickets, waiting

urlpatterns = [
    path("coupons", catalogue.CouponsView.as_view(), name="coupons"),
    path("coupons/<uuid:public_id>", catalogue.CouponView.as_view(), name="coupon"),
    path("coupons/<uuid:public_id>/waiting", waiting.WaitingView.as_view(), name="waiting"),
    path("coupons/<uuid:public_id>/challenge", claims.ChallengeView.as_view(), name="challenge"),
    path("products", catalogue.ProductsView.as_view(), name="products"),
    path("claims", claims.ClaimsView.as_view(), name="claims"),
    path("claims/<uuid:public_id>", claims.ClaimView.as_view(), name="claim"),
    path("claim-tickets/<uuid:ticket>", tickets.ClaimTicketView.as_view(), name="claim_ticket"),
    path("claims/<uuid:public_id>/gift", gifts.ClaimGiftView.as_view(), name="claim_gift"),
    path("claims/<uuid:public_id>/rating", ratings.ClaimRatingView.as_view(), name="claim_rating"),
    path("gifts", gifts.GiftsView.as_view(), name="gifts"),
    path("gifts/accept", gifts.GiftAcceptView.as_view(), name="gift_accept"),
    path("gifts/<uuid:public_id>/cancel", gifts.GiftCancelView.as_view(), name="gift_cancel"),
    path("quotes", quotes.QuotesView.as_view(), name="quotes"),
    path("orders", checkout.OrdersView.as_view(), name="orders"),
    path("orders/<uuid:public_id>", checkout.OrderView.as_view(), name="order"),
    path("orders/<uuid:public_id>/redeem", checkout.OrderRedeemView.as_view(), name="order_redeem"),
    path("orders/<uuid:public_id>/release", checkout.OrderReleaseView.as_view(), name="order_release"),
    path("orders/<uuid:public_id>/refund", checkout.OrderRefundView.as_view(), name="order_refund"),
    path("red-packets/<uuid:public_id>", red_packets.RedPacketView.as_view(), name="red_packet"),
    path("red-packets/<uuid:public_id>/grab", red_packets.RedPacketGrabView.as_view(), name="red_packet_grab"),
    path("lotteries/<uuid:public_id>", lotteries.LotteryView.as_view(), name="lottery"),
    path("lotteries/<uuid:public_id>/enter", lotteries.LotteryEnterView.as_view(), name="lottery_enter"),
]
