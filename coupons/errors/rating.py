"""Refusals of ratings."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError


class NotUsedYet(DomainError):
    """Data: `claim`, `state`."""

    code = "not_used_yet"
    message = _("Only a coupon that was used can be rated.")


class AlreadyRated(DomainError):
    """Data: `claim`."""

    code = "already_rated"
    message = _("You have rated this coupon already. Thank you!")
