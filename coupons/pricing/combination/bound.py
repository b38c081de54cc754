"""How little could be paid at best: a bound from below that no legal set undercuts.

Offers that are monotone functions of the amounts (``Terms.is_smooth``) and outside any group are applied one
after another, as if all of them were chosen and no threshold stood in the way: more of them never cost more.
Of every group the most that one of its offers can take is subtracted at the end, where it costs later
percentages nothing; so is the most of every offer that is no such function. Rounding is set against it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from coupons.pricing.combination.state import State
from coupons.pricing.combination.terms import Terms
from coupons.pricing.whole_numbers import WHOLE_IN_BASIS_POINTS

# Floats err by some 1e-16 of the sum at each step.
_FLOAT_SLACK = 1e-13


@dataclass(frozen=True, slots=True)
class Prospect:
    """An offer that may still apply, with the most that it can take off lines and off shipping."""

    terms: Terms
    most: int
    most_of_shipping: int


class Weights:
    """How much less is paid for one minor unit off, and what rounding of tax may change."""

    __slots__ = ("atoms", "heaviest", "shipping", "slack")

    def __init__(self, state: State) -> None:
        cart, atoms = state.order.cart, state.scene.atoms
        self.atoms = [1.0] * len(atoms)
        self.heaviest, self.shipping, self.slack = 1.0, 1.0, 0.0
        if not cart.prices_include_tax:
            self.atoms = [1 + cart.lines[positions[0]].tax_rate / WHOLE_IN_BASIS_POINTS for positions in atoms]
            self.heaviest = max(self.atoms, default=1.0)
            self.shipping = 1 + cart.shipping_tax_rate / WHOLE_IN_BASIS_POINTS
            self.slack = (len(cart.lines) + 1) / 2


class Outlook:
    """Bounds for a state and the offers that may follow, in the order of application.

    Attributes:
        from_here: per offer, the least payable of all sets that take nothing before it; one more at the end.
        with_it: per offer, the least payable of those that take it.
    """

    __slots__ = ("from_here", "with_it")

    def __init__(self, state: State, prospects: Sequence[Prospect], weights: Weights) -> None:
        amounts, parts = _apply_smooth(state, prospects)
        lines = sum([weight * amount for weight, amount in zip(weights.atoms, amounts, strict=True)])
        rooms = zip(state.sums, state.rooms, strict=True)
        lowest_lines = float(sum([amount - room for amount, room in rooms]))
        shipping = state.order.shipping
        slack = weights.slack + _FLOAT_SLACK * (sum(state.sums) + shipping) * (len(prospects) + 10)

        def payable(off_lines: float, off_shipping: int) -> int:
            least = max(lines - weights.heaviest * off_lines, lowest_lines)
            return max(0, ceil(least + weights.shipping * max(0, shipping - off_shipping) - slack))

        count = len(prospects)
        self.from_here, self.with_it = [0] * (count + 1), [0] * count
        of_groups: dict[str, tuple[float, int]] = {}
        off_lines, off_shipping = 0.0, 0
        self.from_here[count] = payable(0.0, 0)
        for index in range(count - 1, -1, -1):
            prospect, part = prospects[index], parts[index]
            group = prospect.terms.offer.stacking_group
            best, best_of_shipping = of_groups.get(group, (0.0, 0)) if group else (0.0, 0)
            others, others_of_shipping = off_lines - best, off_shipping - best_of_shipping
            self.with_it[index] = payable(others + part, others_of_shipping + prospect.most_of_shipping)
            best = max(best, part) if group else part
            best_of_shipping = max(best_of_shipping, prospect.most_of_shipping) if group else prospect.most_of_shipping
            off_lines, off_shipping = others + best, others_of_shipping + best_of_shipping
            if group:
                of_groups[group] = (best, best_of_shipping)
            self.from_here[index] = payable(off_lines, off_shipping)


def _apply_smooth(state: State, prospects: Sequence[Prospect]) -> tuple[list[float], list[float]]:
    """What the atoms cost after the smooth offers of no group, and the part that every other may take."""
    amounts = [float(amount) for amount in state.sums]
    parts = []
    for prospect in prospects:
        terms = prospect.terms
        if not terms.is_smooth:
            parts.append(float(prospect.most))
            continue
        covered = sum([amounts[atom] for atom in terms.atoms])
        part = min(terms.most_off, terms.share * covered)
        if terms.offer.stacking_group:
            parts.append(min(prospect.most, part + terms.slack))
            continue
        # What rounding takes beyond the function counts like an offer of its own.
        parts.append(terms.slack)
        if covered > 0:
            left = 1 - part / covered
            for atom in terms.atoms:
                amounts[atom] *= left
    return amounts, parts
