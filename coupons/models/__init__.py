from coupons.models.affinity import Affinity, AffinityEdition
from coupons.models.allocation import Allocation, AllocationEdition
from coupons.models.budget import Budget, BudgetEntry
from coupons.models.catalogue import Category, Product
from coupons.models.claim import Claim, ClaimCounter, ClaimEntry
from coupons.models.code import Code, CodeUse
from coupons.models.code_batch import CodeBatch, CodeBatchError
from coupons.models.coupon import Coupon, ScopeEntry
from coupons.models.envelope import Envelope
from coupons.models.gift import Gift
from coupons.models.lottery import Lottery, LotteryEntry
from coupons.models.order import Order, OrderGift, OrderLine, OrderLineDiscount, OrderShippingDiscount
from coupons.models.rating import ClaimRating
from coupons.models.red_packet import RedPacket, RedPacketShare
from coupons.models.redemption import Redemption, RedemptionEntry
from coupons.models.refund import Refund, RefundLine
from coupons.models.release_batch import ReleaseBatch
from coupons.models.stock import DailyClaimCount, Stock, StockBucket, StockMovement
from coupons.models.stock_forecast import StockForecast
from coupons.models.stock_policy import StockPolicy
from coupons.models.ticket import ClaimTicket
from coupons.models.tier import Tier
from coupons.models.waiting import WaitingEntry

__all__ = [
    "Affinity",
    "AffinityEdition",
    "Allocation",
    "AllocationEdition",
    "Budget",
    "BudgetEntry",
    "Category",
    "Claim",
    "ClaimCounter",
    "ClaimEntry",
    "ClaimRating",
    "ClaimTicket",
    "Code",
    "CodeBatch",
    "CodeBatchError",
    "CodeUse",
    "Coupon",
    "DailyClaimCount",
    "Envelope",
    "Gift",
    "Lottery",
    "LotteryEntry",
    "Order",
    "OrderGift",
    "OrderLine",
    "OrderLineDiscount",
    "OrderShippingDiscount",
    "Product",
    "RedPacket",
    "RedPacketShare",
    "Redemption",
    "RedemptionEntry",
    "Refund",
    "RefundLine",
    "ReleaseBatch",
    "ScopeEntry",
    "Stock",
    "StockBucket",
    "StockForecast",
    "StockMovement",
    "StockPolicy",
    "Tier",
    "WaitingEntry",
]
