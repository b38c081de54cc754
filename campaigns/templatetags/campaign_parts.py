"""What campaigns add to pages of other apps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.template.context import Context

from campaigns.selectors.banners import CampaignBanner, campaign_banners
from campaigns.selectors.inbox import unread_count
from users.models import User

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_messages(context: Context) -> int:
    """Returns how many messages the reader has not seen; asks the database only for somebody signed in."""
    user = _user_of(context)
    return unread_count(user.pk) if user is not None else 0


@register.simple_tag(takes_context=True)
def live_campaigns(context: Context, now: datetime) -> list[CampaignBanner]:
    """Returns the campaigns that run at a moment, with the coupons they hand out to the reader."""
    user = _user_of(context)
    return campaign_banners(now=now, shopper=user)


def _user_of(context: Context) -> User | None:
    user: Any = getattr(context.get("request"), "user", None)
    return user if user is not None and user.is_authenticated else None
