"""The best legal combination of a shopper's coupons."""

from coupons.pricing.combination.best import Combination, RequiredOffersError, best_combination

__all__ = ["Combination", "RequiredOffersError", "best_combination"]
