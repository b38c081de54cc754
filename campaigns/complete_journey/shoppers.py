"""Households become shoppers with a profile; nothing in the data names a person."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.hashers import make_password

from campaigns.complete_journey.conversion import to_shop_time
from campaigns.complete_journey.promotions import Promotions
from campaigns.complete_journey.source import Households, read_rows
from config.kernel.clock import start_of_shop_day
from config.kernel.progress import progress
from users.models import Profile, User

KEY_PREFIX = "cj-"
ATTRIBUTES = ["home_ownership", "marital_status", "household_comp", "kids_count"]


def load_shoppers(*, households: Households, promotions: Promotions) -> dict[str, int]:
    """Writes an account that nobody can sign in to, and a profile, for every household; returns how many."""
    joined_at = _first_seen(households, promotions)
    shoppers = User.objects.bulk_create(
        [
            User(
                username=f"{KEY_PREFIX}{household_id}",
                external_id=f"{KEY_PREFIX}{household_id}",
                password=make_password(None),
                language="en",
                joined_at=joined_at[household_id],
            )
            for household_id in progress(sorted(joined_at), label="Shoppers", unit="shopper")
        ],
        batch_size=1000,
    )
    demographics = _read_demographics()
    Profile.objects.bulk_create(
        [
            Profile(shopper=shopper, **demographics.get(household_id, {}))
            for household_id, shopper in zip(sorted(joined_at), shoppers, strict=True)
        ],
        batch_size=1000,
    )
    known = sum(household_id in demographics for household_id in joined_at)
    return {"shoppers": len(shoppers), "with demographics": known}


def shopper_ids() -> dict[int, int]:
    """Returns the shopper's primary key by household number."""
    pairs = User.objects.filter(external_id__startswith=KEY_PREFIX).values_list("external_id", "pk")
    return {int((external_id or "").removeprefix(KEY_PREFIX)): pk for external_id, pk in pairs}


def _first_seen(households: Households, promotions: Promotions) -> dict[int, datetime]:
    """Returns the first sign of life of every household: a receipt or a campaign addressed to it."""
    seen = {household_id: to_shop_time(moment) for household_id, moment in households.first_bought_at.items()}
    for campaign_id, recipients in promotions.recipients.items():
        addressed_at = start_of_shop_day(promotions.campaigns[campaign_id].start_date)
        for household_id in recipients:
            seen[household_id] = min(seen[household_id], addressed_at)
    return seen


def _read_demographics() -> dict[int, dict[str, object]]:
    columns = ["household_id", "age", "income", "household_size", *ATTRIBUTES]
    return {
        household_id: {
            "age_band": age or "",
            "income_band": income or "",
            "household_size": size or "",
            "attributes": {name: value for name, value in zip(ATTRIBUTES, others, strict=True) if value},
        }
        for household_id, age, income, size, *others in read_rows("demographics", columns)
    }
