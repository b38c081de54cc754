"""What a new kind of benefit or condition needs of the engine, and what the engine lets no benefit do."""

from dataclasses import dataclass

import pytest

from coupons.pricing import Offer, Phase, Unmet
from coupons.pricing.benefits import EligiblePart, Grant, UsedUnits
from coupons.pricing.conditions import ConditionFacts
from coupons.pricing.refusal import RefusalCode
from coupons.pricing.running_order import BrokenBenefitError
from tests.coupons.pricing.builders import cart, discounts, line, offer, only, percent_off, quote


@dataclass(frozen=True, slots=True)
class MinimumUnits:
    """A condition of tomorrow: a new one needs the protocol and nothing from the engine."""

    units: int

    def check(self, facts: ConditionFacts) -> Unmet | None:
        if sum(line.quantity for line in facts.eligible_lines) >= self.units:
            return None
        return Unmet(RefusalCode.THRESHOLD_NOT_MET, {"missing_amount": 0})


@dataclass(frozen=True, slots=True)
class FlashPrice:
    """A benefit of tomorrow: it decides for itself how the discount lies on the lines."""

    unit_price: int

    def grant(self, part: EligiblePart) -> Grant:
        return Grant(
            tuple(min(line.room, max(0, line.amount - self.unit_price * line.line.quantity)) for line in part.lines)
        )


@dataclass(frozen=True, slots=True)
class Faulty:
    """A benefit with a mistake."""

    mistake: str

    def grant(self, part: EligiblePart) -> Grant:
        (line,) = part.lines
        match self.mistake:
            case "money":
                return Grant((line.room + 1,))
            case "negative money":
                return Grant((-1,), shipping_amount=2)
            case "shipping":
                return Grant((0,), shipping_amount=part.shipping + 1)
            case "units":
                return Grant((1,), used_units=(UsedUnits(line.free_units + 1, line.free_amount),))
            case "money of units":
                return Grant((1,), used_units=(UsedUnits(1, line.free_amount + 1),))
            case "floor of units":
                return Grant((line.free_amount,), used_units=(UsedUnits(line.free_units, line.free_amount),))
            case _:
                return Grant((1, 1))


class TestExtension:
    def test_new_benefits_and_conditions_fit_in(self) -> None:
        flash: Offer = offer(
            "flash",
            FlashPrice(700),
            conditions=(MinimumUnits(3),),
            phase=Phase.ITEM_PRICE,
            scope=only("tea"),
        )

        priced = quote(cart(line("tea", 1000, 3), line("mug", 500)), flash, offer("c", percent_off(10)))

        assert discounts(priced) == [900 + 210, 50]

    @pytest.mark.parametrize(
        "mistake", ["money", "negative money", "shipping", "units", "money of units", "floor of units", "lines"]
    )
    def test_a_faulty_benefit_cannot_take_more_than_there_is(self, mistake: str) -> None:
        priced_cart = cart(line("mug", 5000, 2, floor_price=100), shipping=500)

        with pytest.raises(BrokenBenefitError):
            quote(priced_cart, offer("c", Faulty(mistake)))
