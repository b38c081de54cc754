"""When and how a shopper is best reached, for whoever writes a message that can wait."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from campaigns.enums import MessageChannel
from campaigns.models import ContactPlan
from config.kernel.clock import shop_zone

# A plan that has not been renewed for a week says nothing any more.
PLANS_LAST = timedelta(days=7)


def contact_plans_of(*, shopper_ids: Iterable[int], now: datetime) -> dict[int, ContactPlan]:
    """Returns the plans of those shoppers who have a fresh one, by shopper, with one query."""
    plans = ContactPlan.objects.filter(shopper_id__in=set(shopper_ids), computed_at__gt=now - PLANS_LAST)
    return {plan.shopper_id: plan for plan in plans}


def best_moment(*, plan: ContactPlan | None, now: datetime, latest: datetime) -> datetime:
    """Returns when to send something: at the shopper's hour, if that comes before `latest`, else now.

    Now too without a plan, during the hour itself, and to a shopper who is near to buying.
    """
    if plan is None or plan.is_triggered:
        return now
    local = now.astimezone(shop_zone())
    if local.hour == plan.hour:
        return now
    moment = local.replace(hour=plan.hour, minute=0, second=0, microsecond=0)
    if moment <= local:
        moment += timedelta(days=1)
    # Arithmetic on local time keeps the hour on the clock where summer time begins or ends.
    return moment.astimezone(now.tzinfo) if moment < latest else now


def wants_email(*, plan: ContactPlan | None) -> bool:
    """Tells whether an e-mail helps beside a message in the app; True without a plan."""
    return plan is None or plan.channel == MessageChannel.EMAIL
