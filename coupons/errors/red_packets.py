"""Refusals of red packets."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError
from coupons.errors.claiming import Ended, NotEligible, NotStarted, Paused, SoldOut


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
