"""What a marketer is refused."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


class WrongCouponState(DomainError):
    """Data: `state`."""

    code = "wrong_coupon_state"
    message = _("This is not possible for a coupon in its present state.")


class WindowOver(DomainError):
    code = "window_over"
    message = _("The time for claiming is over already.")


class NothingToUse(DomainError):
    code = "nothing_to_use"
    message = _("Every claim would have expired before it could be used. Look at the validity.")


class BenefitIncomplete(DomainError):
    code = "benefit_incomplete"
    message = _("A figure of the benefit is missing. Look at the tiers and amounts before publishing.")


class NoStock(DomainError):
    code = "no_stock"
    message = _("Say how many coupons there are before publishing.")


class HoldoutFixed(DomainError):
    code = "holdout_fixed"
    message = _("Nobody can be held out from a coupon that was published: some shoppers may have it already.")


class StockTooSmall(DomainError):
    """Data: `remaining` or `reserve`."""

    code = "stock_too_small"
    message = _("There is less stock than that left.")


class StockUnlimited(DomainError):
    code = "stock_unlimited"
    message = _("The stock of this coupon is unlimited.")
