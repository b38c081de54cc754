"""Refusals of the coupon domain; the codes are part of the public API."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, Invalid

# Claiming


class SoldOut(DomainError):
    code = "sold_out"
    message = _("All coupons have been claimed.")


class NotStarted(DomainError):
    """Data: `starts_at`."""

    code = "not_started"
    message = _("This coupon cannot be claimed yet.")


class Ended(DomainError):
    code = "ended"
    message = _("This coupon can no longer be claimed.")


class Paused(DomainError):
    code = "paused"
    message = _("This coupon is paused for the moment.")


class LimitReached(DomainError):
    """Data: `limit`, `scope` (`shopper`, `shopper_day` or `day`), and `resets_at` for a daily one."""

    code = "limit_reached"
    message = _("You have claimed this coupon as often as allowed.")

    @property
    def sentence(self) -> str:
        sentences = {
            "shopper_day": _("You have claimed this coupon as often as allowed today. Come back tomorrow."),
            "day": _("Today's coupons have all been claimed. Come back tomorrow."),
        }
        return str(sentences.get(self.data.get("scope", ""), self.message))


class NotEligible(DomainError):
    """Data: `reason` (`new_shoppers_only`, `tag_needed`, `code_needed`, `not_claimable` or `account_closed`)."""

    code = "not_eligible"
    message = _("This coupon is not meant for your account.")

    @property
    def sentence(self) -> str:
        sentences = {
            "new_shoppers_only": _("This coupon is for shoppers who have not ordered yet."),
            "tag_needed": _("This coupon is for selected shoppers only."),
            "code_needed": _("This coupon needs a code."),
            "not_claimable": _("This coupon is not handed out here."),
            "account_closed": _("This account can no longer claim coupons."),
        }
        return str(sentences.get(self.data.get("reason", ""), self.message))


class CodeInvalid(DomainError):
    """One answer for every wrong code, so that nobody learns which ones exist."""

    code = "code_invalid"
    status = 404
    message = _("This code is not valid.")


# Using


class ClaimNotUsable(DomainError):
    """Data: `claim`, `state`, and `usable_from` or `expired_at` where that is the reason."""

    code = "claim_not_usable"
    message = _("This coupon cannot be used now.")


class ClaimLocked(ClaimNotUsable):
    code = "claim_locked"
    message = _("This coupon is on an order that awaits payment.")


class AlreadyRedeemed(ClaimNotUsable):
    code = "already_redeemed"
    message = _("This coupon has been used already.")


class CouponRefused(DomainError):
    """A chosen coupon does not apply to the cart. Data: `claim`, `reason` and the reason's own data."""

    code = "coupon_refused"
    status = 422
    message = _("A chosen coupon does not apply to this cart.")


class QuoteChanged(DomainError):
    """The shopper would pay more than shown. Data: `expected_amount`, `payable_amount`."""

    code = "quote_changed"
    message = _("The price has changed. Please look at it again.")


class ReferenceTaken(DomainError):
    """Data: `order`."""

    code = "reference_taken"
    message = _("There is an order with this reference already.")


class WrongOrderState(DomainError):
    """Data: `state`."""

    code = "wrong_order_state"
    message = _("This is not possible for an order in its present state.")


class ProductUnknown(Invalid):
    """Data: `parameter`, `sku`."""

    code = "product_unknown"
    message = _("There is no product %(sku)s on sale.")


class CartTooLarge(Invalid):
    """Data: `parameter`, `limit`."""

    code = "cart_too_large"
    message = _("This cart is larger than a cart can be.")


class TermsNeeded(Invalid):
    """The coupon is one that its shopper fits to taste. Data: `parameter`."""

    code = "terms_needed"
    message = _("Choose amount, minimum spend and days of this coupon first.")


class TermsFixed(Invalid):
    """The coupon leaves nothing to choose. Data: `parameter`."""

    code = "terms_fixed"
    message = _("The terms of this coupon cannot be chosen.")


class OutsideLimits(Invalid):
    """Data: `parameter`, and `least_amount` and `most_amount`, or `least` and `most`, or `step_amount`."""

    code = "outside_limits"
    message = _("This choice is outside the limits of the coupon.")


# Running a coupon


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


class NoStock(DomainError):
    code = "no_stock"
    message = _("Say how many coupons there are before publishing.")


class StockTooSmall(DomainError):
    """Data: `remaining` or `reserve`."""

    code = "stock_too_small"
    message = _("There is less stock than that left.")


class StockUnlimited(DomainError):
    code = "stock_unlimited"
    message = _("The stock of this coupon is unlimited.")
