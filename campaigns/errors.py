"""Refusals of the campaign domain; the codes are part of the public API."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


class WrongCampaignState(DomainError):
    """Data: `state`."""

    code = "wrong_campaign_state"
    message = _("This is not possible for a campaign in its present state.")


class CampaignOver(DomainError):
    """Data: `ended_at`."""

    code = "campaign_over"
    message = _("The time of this campaign is over already.")


class CampaignEmpty(DomainError):
    code = "campaign_empty"
    message = _("Choose at least one coupon that can still be claimed.")


class CouponOutsideCampaign(DomainError):
    """Data: `coupon` (its public id), `title`, and the campaign's `starts_at` and `ends_at`."""

    code = "coupon_outside_campaign"
    message = _("The time for claiming %(title)s must lie within the time of the campaign.")


class CouponNotReady(DomainError):
    """A draft of the campaign cannot be published. Data: `coupon` (its public id), `title`, `reason`, `why`."""

    code = "coupon_not_ready"
    message = _("%(title)s: %(why)s")


class HoldoutTooLate(DomainError):
    code = "holdout_too_late"
    message = _(
        "All coupons of this campaign were published before it, or come off by themselves: nobody can be held out from "
        "them. Add a draft, or set the holdout to 0."
    )


class HoldoutTaken(DomainError):
    """A draft keeps shoppers out for another one. Data: `coupon` (its public id), `title`, `campaign` (its title)."""

    code = "holdout_taken"
    message = _(
        "%(title)s keeps shoppers out by lot for the campaign %(campaign)s already. Take it out of one of the two, or "
        "make a copy of it for this one."
    )


class WrongGrantState(DomainError):
    """Data: `state`."""

    code = "wrong_grant_state"
    message = _("This is not possible for a grant in its present state.")


class NotForGrant(DomainError):
    code = "not_for_grant"
    message = _("This coupon cannot be granted: it comes another way, or shoppers choose its terms.")


class NothingToOffer(DomainError):
    """No coupon of a variant group can be claimed now."""

    code = "nothing_to_offer"
    status = 404
    message = _("There is nothing on offer here at the moment.")
