"""Refusals of carts and orders."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, Invalid


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


def claim_not_usable_in(state: str) -> type[ClaimNotUsable]:
    """Returns the refusal that says why a claim in this `ClaimState` cannot be used."""
    return {"redeemed": AlreadyRedeemed, "locked": ClaimLocked}.get(state, ClaimNotUsable)


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


class BudgetExhausted(DomainError):
    """Data: `coupon`, and `claim` unless the coupon is an automatic promotion."""

    code = "budget_exhausted"
    message = _("The money set aside for this coupon is used up.")


class TooManyReturned(DomainError):
    """Data: `number` of the line, `returnable`: how many of its units are not given back yet."""

    code = "too_many_returned"
    message = _("More units would be given back than there are left on this line.")


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
