"""Where the order is placed, and where it goes."""

from dataclasses import dataclass

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet


@dataclass(frozen=True, slots=True)
class Channel:
    """The order is placed in one of these channels, such as ``app``."""

    any_of: frozenset[str]

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare the cart's channel; name those that would do."""
        if facts.cart.channel in self.any_of:
            return None
        return Unmet(RefusalCode.CHANNEL_NOT_ALLOWED, {"channels": ", ".join(sorted(self.any_of))})


@dataclass(frozen=True, slots=True)
class Region:
    """The order goes to one of these regions."""

    any_of: frozenset[str]

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Compare the cart's region; name those that would do."""
        if facts.cart.region in self.any_of:
            return None
        return Unmet(RefusalCode.REGION_NOT_ALLOWED, {"regions": ", ".join(sorted(self.any_of))})
