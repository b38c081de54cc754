"""What campaigns add to pages of other apps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.template.context import Context

from campaigns.selectors.banners import CampaignBanner, campaign_banners
from campaigns.selectors.inbox import unread_count

register = template.Library()


@register.simple_tag(takes_context=True)
def unread_messages(context: Context) -> int:
    """Returns how many messages the reader has not seen; asks the database only for somebody signed in."""
    request = context.get("request")
    user: Any = getattr(request, "user", None)
    return unread_count(user.pk) if user is not None and user.is_authenticated else 0


@register.simple_tag
def live_campaigns(now: datetime) -> list[CampaignBanner]:
    """Returns the campaigns that run at a moment, with the coupons they hand out."""
    return campaign_banners(now=now)
