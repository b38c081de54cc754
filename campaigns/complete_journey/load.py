"""The stages of the load. Each is one transaction, so that a killed run leaves whole stages and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction

from campaigns.complete_journey.catalogue import UNLISTED_KEY, load_catalogue
from campaigns.complete_journey.history import load_history
from campaigns.complete_journey.promotions import Promotions, read_promotions
from campaigns.complete_journey.shoppers import KEY_PREFIX, load_shoppers
from campaigns.complete_journey.source import HOUSEHOLD_COUNT, Households, choose_households
from campaigns.models import Campaign, CampaignRecipient
from config.kernel.bulk import check_constraints_at_once, refresh_statistics
from coupons.models import (
    Category,
    Claim,
    ClaimCounter,
    ClaimEntry,
    Coupon,
    Order,
    OrderLine,
    OrderLineDiscount,
    Product,
    Redemption,
    ScopeEntry,
)
from users.models import BehaviourEvent, Profile, User

WRITTEN = (
    User,
    Profile,
    Category,
    Product,
    Coupon,
    ScopeEntry,
    Campaign,
    CampaignRecipient,
    Order,
    OrderLine,
    OrderLineDiscount,
    Claim,
    ClaimEntry,
    ClaimCounter,
    Redemption,
    BehaviourEvent,
)


class OtherSelection(Exception):
    """The database holds the history of another number of households."""

    def __init__(self, present: int) -> None:
        super().__init__(present)
        self.present = present


@dataclass(slots=True)
class Loaded:
    """What a run did: figures by stage; a stage that was there already has none."""

    stages: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def is_new(self) -> bool:
        return any(self.stages.values())


def load_complete_journey(*, household_limit: int | None, now: datetime) -> Loaded:
    """Loads what is not there yet.

    Args:
        household_limit: load only so many households, spread evenly; None for all.
        now: when the events are received.

    Raises:
        DataMissing: the package is not installed.
        OtherSelection: another number of households was loaded before.
    """
    present = User.objects.filter(external_id__startswith=KEY_PREFIX).count()
    is_there: dict[str, bool] = {
        "catalogue": Category.objects.filter(key=UNLISTED_KEY).exists(),
        "shoppers": present > 0,
        "history": Campaign.objects.filter(key__startswith=KEY_PREFIX).exists(),
    }
    # Spares a finished load even a look at the files.
    if all(is_there.values()) and present == (household_limit or HOUSEHOLD_COUNT):
        return Loaded()
    households = choose_households(household_limit)
    if present not in (0, len(households.first_bought_at)):
        raise OtherSelection(present)
    loaded = Loaded()
    for stage, run in _stages(households, read_promotions(households), now).items():
        loaded.stages[stage] = {}
        if not is_there[stage]:
            with transaction.atomic():
                check_constraints_at_once()
                loaded.stages[stage] = run()
    refresh_statistics(*WRITTEN)
    return loaded


def _stages(households: Households, promotions: Promotions, now: datetime) -> dict[str, Callable[[], dict[str, int]]]:
    return {
        "catalogue": lambda: load_catalogue(households=households, promotions=promotions),
        "shoppers": lambda: load_shoppers(households=households, promotions=promotions),
        "history": lambda: load_history(households=households, promotions=promotions, now=now),
    }
