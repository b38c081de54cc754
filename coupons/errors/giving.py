"""Refusals of gifts."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


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
