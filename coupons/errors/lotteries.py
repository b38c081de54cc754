"""Refusals of lotteries."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError
from coupons.errors.claiming import Ended, NotStarted, Paused


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
