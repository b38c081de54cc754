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


class ClaimInFlight(DomainError):
    """Claims of this shopper that are being worked on fill the limit. Data: `retry_after`."""

    code = "claim_in_flight"
    message = _("Your claim of this coupon is being worked on. Look into your wallet in a moment.")


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


class TooManyWrongCodes(DomainError):
    """Codes and gift links are counted together. Data: `retry_after`."""

    code = "too_many_wrong_codes"
    status = 429
    message = _("Too many wrong codes. Please wait a minute and try again.")


class NotSoldOut(DomainError):
    """There is nothing to wait for."""

    code = "not_sold_out"
    message = _("This coupon is not sold out: you can claim it now.")


# Giving away


class GiftInvalid(DomainError):
    """One answer for every secret that opens no gift, so that nobody learns which ones ever did."""

    code = "gift_invalid"
    status = 404
    message = _("This gift is not there any more.")


class GiftRefused(DomainError):
    """Data: `reason` (`not_giftable`, `too_many_hands` or `own_gift`)."""

    code = "gift_refused"
    message = _("This coupon cannot be given away.")

    @property
    def sentence(self) -> str:
        sentences = {
            "too_many_hands": _("This coupon has been given away as often as it may be."),
            "own_gift": _("This is your own gift. Take it back if you want to keep it."),
        }
        return str(sentences.get(self.data.get("reason", ""), self.message))


class GiftLimitReached(DomainError):
    """Data: `limit`, `resets_at`."""

    code = "gift_limit_reached"
    message = _("You have given away as many coupons as a day allows. Come back tomorrow.")


class GiftClosed(DomainError):
    """Data: `state`."""

    code = "gift_closed"
    message = _("This gift is not open any more.")


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


class BenefitIncomplete(DomainError):
    code = "benefit_incomplete"
    message = _("A figure of the benefit is missing. Look at the tiers and amounts before publishing.")


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


# Red packets


class PacketNotStarted(NotStarted):
    """Data: `starts_at`."""

    message = _("This red packet is not open yet.")


class PacketEnded(Ended):
    message = _("This red packet is over.")


class PacketPaused(Paused):
    message = _("This red packet is paused for the moment.")


class PacketSoldOut(SoldOut):
    message = _("All shares of this red packet have been taken.")


class PacketNotEligible(NotEligible):
    """Data: `reason` (`reserved` or `account_closed`)."""

    message = _("The shares of this red packet are reserved for other shoppers.")

    @property
    def sentence(self) -> str:
        if self.data.get("reason") == "account_closed":
            return str(_("This account can no longer open red packets."))
        return str(self.message)


class PacketClosed(DomainError):
    code = "packet_closed"
    message = _("This red packet has been closed already.")


class PacketTooSmall(DomainError):
    """Data: `shares`: how many units of money there must be at least."""

    code = "packet_too_small"
    message = _("Every share needs at least the smallest coin.")


class PacketTooLarge(DomainError):
    """Data: `limit`."""

    code = "packet_too_large"
    message = _("A red packet has at most %(limit)d shares.")


class NobodyBought(DomainError):
    code = "nobody_bought"
    message = _("Nobody bought anything in that time.")


# Lotteries


class LotteryNotStarted(NotStarted):
    """Data: `starts_at`."""

    message = _("This lottery is not open yet.")


class LotteryEnded(Ended):
    message = _("This lottery takes no more entries.")


class LotteryPaused(Paused):
    message = _("This lottery is paused for the moment.")


class NotForLottery(DomainError):
    code = "not_for_lottery"
    message = _("Choose a published coupon that is drawn by lot and has fixed terms.")


class TooManyWinners(DomainError):
    """Data: `limit`."""

    code = "too_many_winners"
    message = _("A lottery has at most %(limit)d winners.")


class LotteryStillOpen(DomainError):
    """Data: `closes_at`."""

    code = "lottery_still_open"
    message = _("A lottery is drawn after its entries have closed.")


class LotteryCalledOff(DomainError):
    code = "lottery_called_off"
    message = _("This lottery was called off: its coupon has been ended.")


class EntriesChanged(DomainError):
    code = "entries_changed"
    message = _("The entries are no longer the ones that were committed to. Nothing was drawn.")


# Codes in bulk


class PrefixInvalid(Invalid):
    code = "prefix_invalid"
    message = _("A prefix has letters and digits, at most 12.")


class WrongBatchState(DomainError):
    """Data: `state`."""

    code = "wrong_batch_state"
    message = _("This batch does not wait to be carried on.")


class FileUnreadable(Invalid):
    code = "file_unreadable"
    message = _("This is neither a CSV file in UTF-8, UTF-16 or GB18030 nor an XLSX file.")


class FileTooLarge(Invalid):
    """Data: `limit` in rows or bytes."""

    code = "file_too_large"
    message = _("This file is larger than one import can be. Split it.")


class FileEmpty(Invalid):
    code = "file_empty"
    message = _("There is no code in this file.")
