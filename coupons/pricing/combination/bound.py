"""How little could be paid at best: a bound from below that no legal set undercuts.

Offers that are monotone functions of the amounts (``Terms.is_smooth``) and outside any group are applied one
after another, as if all of them were chosen and no threshold stood in the way: more of them never cost more.
Of every group the most that one of its offers can take is subtracted at the end, where it costs later
percentages nothing; so is the most of every offer that is no such function. Rounding is set against it.

That forgets what coupons of one phase do to the thresholds of the next, so ``Thresholds`` gives another bound;
the higher of the two counts.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil
from operator import itemgetter
from typing import NamedTuple

from coupons.pricing.combination.state import State
from coupons.pricing.combination.terms import Terms
from coupons.pricing.whole_numbers import WHOLE_IN_BASIS_POINTS

# Floats err by some 1e-16 of the sum at each step.
_FLOAT_SLACK = 1e-13
_NOTHING = (0.0, 0, 0.0)


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


class Taking(NamedTuple):
    """What offers of which one may be chosen can take: a sum, or a share of what the lines cost."""

    amount: int = 0
    share: float = 0.0

    def of(self, lines: float) -> float:
        """The most of both; a share may be rounded up."""
        return max(self.amount, self.share * lines + 0.5) if self.share else self.amount


class Thresholds:
    """What the offers of later phases can take, given what all lines cost when the running phase ends.

    The more an offer of this phase takes, the fewer thresholds over the whole cart are met afterwards. The
    least payable is found either where this phase takes all it can, or just at one of the thresholds.
    """

    __slots__ = ("_levels", "_lowest_from", "_takings")

    def __init__(self, state: State, prospects: Sequence[Prospect]) -> None:
        later = [one for one in prospects if one.terms.offer.phase is not state.phase and one.most]
        ranked = sorted([(_threshold(state, one), one) for one in later], key=itemgetter(0))
        # Shares of several groups together could exceed the whole, so only one group's may grow with the lines.
        shares = [one for one in later if one.terms.is_smooth and one.terms.share < 1]
        sharing = max(shares, key=lambda one: one.most).terms.offer.stacking_group if shares else ""
        self._levels = [0]
        self._takings: list[tuple[Taking, ...]] = []
        alone, of_groups = 0, dict[str, Taking]()
        for level, prospect in ranked:
            if level != self._levels[-1]:
                self._takings.append((Taking(alone), *of_groups.values()))
                self._levels.append(level)
            terms, group = prospect.terms, prospect.terms.offer.stacking_group
            if group and group == sharing and terms.is_smooth and terms.share < 1:
                amount, share = of_groups.get(group, Taking())
                of_groups[group] = Taking(amount, max(share, terms.share))
            elif group:
                amount, share = of_groups.get(group, Taking())
                of_groups[group] = Taking(max(amount, prospect.most), share)
            else:
                alone += prospect.most
        self._takings.append((Taking(alone), *of_groups.values()))
        self._lowest_from = list(
            accumulate(
                (
                    level - sum([one.of(level) for one in takings])
                    for level, takings in zip(reversed(self._levels), reversed(self._takings), strict=True)
                ),
                min,
            )
        )
        self._lowest_from.reverse()

    def least(self, amount: float) -> float:
        """The least that the lines can cost in the end when this phase leaves ``amount`` or more of them."""
        amount = max(0.0, amount)
        above = bisect_right(self._levels, amount)
        least = amount - sum([one.of(amount) for one in self._takings[above - 1]])
        return min(least, self._lowest_from[above]) if above < len(self._levels) else least


def _threshold(state: State, prospect: Prospect) -> int:
    """What all lines must cost for the offer; 0 where that cannot be said."""
    terms = prospect.terms
    is_over_everything = len(terms.atoms) == len(state.scene.atoms) and not terms.is_initial
    return terms.required_amount if is_over_everything else 0


class Outlook:
    """Bounds for a state and the offers that may follow, in the order of application.

    Attributes:
        from_here: per offer, the least payable of all sets that take nothing before it; one more at the end.
        with_it: per offer, the least payable of those that take it.
    """

    __slots__ = ("from_here", "with_it")

    def __init__(self, state: State, prospects: Sequence[Prospect], weights: Weights) -> None:
        smooth = _apply_smooth(state, prospects)
        lines = sum([weight * amount for weight, amount in zip(weights.atoms, smooth.amounts, strict=True)])
        rooms = zip(state.sums, state.rooms, strict=True)
        floor = float(sum([amount - room for amount, room in rooms]))
        fee = state.order.shipping
        slack = weights.slack + _FLOAT_SLACK * (sum(state.sums) + fee) * (len(prospects) + 10)
        thresholds = None
        # Where tax comes on top, what the lines cost is not what is paid for them.
        if state.order.cart.prices_include_tax and prospects and prospects[-1].terms.offer.phase is not state.phase:
            thresholds = Thresholds(state, prospects)

        def least(off: float, off_fee: int, off_phase: float) -> int:
            left = max(lines - weights.heaviest * off, floor)
            if thresholds is not None:
                left = max(left, thresholds.least(ceil(smooth.after_phase - off_phase - slack)))
            return max(0, ceil(left + weights.shipping * max(0, fee - off_fee) - slack))

        count = len(prospects)
        self.from_here, self.with_it = [0] * (count + 1), [0] * count
        off, off_fee, off_phase = 0.0, 0, 0.0
        self.from_here[count] = least(off, off_fee, off_phase)
        of_groups: dict[str, tuple[float, int, float]] = {}
        for index in range(count - 1, -1, -1):
            prospect, part = prospects[index], smooth.parts[index]
            terms, part_of_fee = prospect.terms, prospect.most_of_shipping
            part_of_phase = part if terms.offer.phase is state.phase else 0.0
            group = terms.offer.stacking_group
            if not group:
                off, off_fee, off_phase = off + part, off_fee + part_of_fee, off_phase + part_of_phase
                self.from_here[index] = self.with_it[index] = least(off, off_fee, off_phase)
                continue
            best, best_of_fee, best_of_phase = of_groups.get(group, _NOTHING)
            others, others_of_fee, others_of_phase = off - best, off_fee - best_of_fee, off_phase - best_of_phase
            self.with_it[index] = least(others + part, others_of_fee + part_of_fee, others_of_phase + part_of_phase)
            if part > best or part_of_fee > best_of_fee or part_of_phase > best_of_phase:
                best, best_of_fee = max(best, part), max(best_of_fee, part_of_fee)
                best_of_phase = max(best_of_phase, part_of_phase)
                of_groups[group] = (best, best_of_fee, best_of_phase)
                off, off_fee, off_phase = others + best, others_of_fee + best_of_fee, others_of_phase + best_of_phase
                self.from_here[index] = least(off, off_fee, off_phase)
            else:
                self.from_here[index] = self.from_here[index + 1]


class _Smooth(NamedTuple):
    """Once the smooth offers of no group are applied.

    Attributes:
        amounts: what the atoms cost then.
        parts: the most that each prospect takes beside.
        after_phase: what all lines cost at the end of the running phase.
    """

    amounts: list[float]
    parts: list[float]
    after_phase: float


def _apply_smooth(state: State, prospects: Sequence[Prospect]) -> _Smooth:
    amounts = [float(amount) for amount in state.sums]
    parts = []
    after_phase: float | None = None
    for prospect in prospects:
        terms = prospect.terms
        if after_phase is None and terms.offer.phase is not state.phase:
            after_phase = sum(amounts)
        if not terms.is_smooth:
            parts.append(float(prospect.most))
            continue
        atoms = terms.atoms
        covered = amounts[atoms[0]] if len(atoms) == 1 else sum([amounts[atom] for atom in atoms])
        part = min(prospect.most, terms.share * covered)
        if terms.offer.stacking_group:
            parts.append(min(prospect.most, part + terms.slack))
            continue
        # What rounding takes beyond the share counts like an offer of its own.
        parts.append(terms.slack)
        if covered > 0:
            left = 1 - part / covered
            for atom in atoms:
                amounts[atom] *= left
    return _Smooth(amounts, parts, sum(amounts) if after_phase is None else after_phase)
