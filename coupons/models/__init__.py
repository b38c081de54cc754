from coupons.models.catalogue import Category, Product
from coupons.models.claim import Claim, ClaimCounter, ClaimEntry
from coupons.models.code import Code, CodeUse
from coupons.models.coupon import Coupon, ScopeEntry
from coupons.models.order import Order, OrderLine, OrderLineDiscount
from coupons.models.redemption import Redemption, RedemptionEntry
from coupons.models.stock import DailyClaimCount, Stock, StockBucket, StockMovement

__all__ = [
    "Category",
    "Claim",
    "ClaimCounter",
    "ClaimEntry",
    "Code",
    "CodeUse",
    "Coupon",
    "DailyClaimCount",
    "Order",
    "OrderLine",
    "OrderLineDiscount",
    "Product",
    "Redemption",
    "RedemptionEntry",
    "ScopeEntry",
    "Stock",
    "StockBucket",
    "StockMovement",
]
