"""Refusals of claims."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


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


class ClaimInFlight(DomainError):
    """Claims of this shopper that are being worked on fill the limit. Data: `retry_after`."""

    code = "claim_in_flight"
    message = _("Your claim of this coupon is being worked on. Look into your wallet in a moment.")


class TicketLost(DomainError):
    """The queue lost a place before it was served."""

    code = "ticket_lost"
    message = _("Your place in the queue was lost. Nothing was claimed: please try again.")


class NotEligible(DomainError):
    """Data: `reason`.

    One of `new_shoppers_only`, `tag_needed`, `not_selected`, `code_needed`, `not_claimable` and `account_closed`. A
    shopper of a holdout is `not_selected`, like one to whom the coupon was not allocated.
    """

    code = "not_eligible"
    message = _("This coupon is not meant for your account.")

    @property
    def sentence(self) -> str:
        sentences = {
            "new_shoppers_only": _("This coupon is for shoppers who have not ordered yet."),
            "tag_needed": _("This coupon is for selected shoppers only."),
            "not_selected": _("This coupon is for selected shoppers only."),
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


class TooManyWrongCodes(DomainError):
    """Codes and gift links are counted together. Data: `retry_after`."""

    code = "too_many_wrong_codes"
    status = 429
    message = _("Too many wrong codes. Please wait a minute and try again.")


class ChallengeRequired(DomainError):
    """Data: a fresh `challenge`, to be solved and sent along as `proof`."""

    code = "challenge_required"
    status = 403
    message = _("To claim this coupon your browser has to do a short calculation first, which needs JavaScript.")


class ChallengeFailed(DomainError):
    """Data: `reason` (`wrong`, `expired` or `used`) and a fresh `challenge`."""

    code = "challenge_failed"
    status = 403
    message = _("Your browser's calculation for this coupon is too old or was used already. Please try once more.")


class NotSoldOut(DomainError):
    """There is nothing to wait for."""

    code = "not_sold_out"
    message = _("This coupon is not sold out: you can claim it now.")
