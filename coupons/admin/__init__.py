"""The marketer's pages for coupons and what became of them."""

from coupons.admin import shopper_sections
from coupons.admin.budget import BudgetAdmin
from coupons.admin.catalogue import CategoryAdmin, ProductAdmin
from coupons.admin.claim import ClaimAdmin
from coupons.admin.code import CodeAdmin
from coupons.admin.code_batch import CodeBatchAdmin
from coupons.admin.coupon import CouponAdmin
from coupons.admin.gift import GiftAdmin
from coupons.admin.lottery import LotteryAdmin
from coupons.admin.order import OrderAdmin, RedemptionAdmin
from coupons.admin.rating import ClaimRatingAdmin
from coupons.admin.red_packet import RedPacketAdmin
from coupons.admin.ticket import ClaimTicketAdmin
from coupons.admin.waiting import WaitingEntryAdmin

__all__ = [
    "BudgetAdmin",
    "CategoryAdmin",
    "ClaimAdmin",
    "ClaimRatingAdmin",
    "ClaimTicketAdmin",
    "CodeAdmin",
    "CodeBatchAdmin",
    "CouponAdmin",
    "GiftAdmin",
    "LotteryAdmin",
    "OrderAdmin",
    "ProductAdmin",
    "RedPacketAdmin",
    "RedemptionAdmin",
    "WaitingEntryAdmin",
    "shopper_sections",
]
