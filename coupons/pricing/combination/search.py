"""Depth first through the sets of offers, in the order in which they are applied."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import nsmallest
from typing import TypeVar

from coupons.pricing.combination.bound import Outlook, Prospect, Weights
from coupons.pricing.combination.state import State
from coupons.pricing.combination.terms import Terms
from coupons.pricing.offer import Phase

Item = TypeVar("Item", datetime, str)

# Sort key of a set: what is paid, how many offers, when they expire, how they are called.
Rank = tuple[int, int, list[datetime], list[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """A legal set with its rank."""

    rank: Rank
    chosen: tuple[Terms, ...]


class Search:
    """One search. After ``run``, ``best`` is the best set found, and None when no legal set was.

    Attributes:
        best: the best set so far.
        nodes: how many states were looked at.
        open_bound: the least that a set not looked at might cost; None when all were looked at or ruled out.
    """

    def __init__(self, root: State, terms: Sequence[Terms], should_stop: Callable[[int], bool]) -> None:
        self.best: Found | None = None
        self.nodes = 0
        self.open_bound: int | None = None
        self._root = root
        self._terms = terms
        self._later = [one for one in terms if one.offer.phase is not Phase.ITEM_PRICE]
        self._required = sum(one.is_required for one in terms)
        self._weights = Weights(root)
        self._should_stop = should_stop
        self._has_stopped = False

    def run(self) -> None:
        """Search until all sets are looked at or ruled out, or ``should_stop`` says so."""
        for climbs in (True, False):
            self._explore(self._root, self._terms, climbs=climbs)

    def _explore(self, state: State, following: Sequence[Terms], *, climbs: bool) -> None:
        """Look at every set that adds offers of ``following`` to what the state has.

        With ``climbs`` only at the one that takes of every group what looks best.
        """
        self.nodes += 1
        prospects = self._prospects(state, following)
        if prospects is None:
            return
        favourites = _favourites(prospects) if climbs else set()
        outlook = None if climbs else Outlook(state, prospects, self._weights)
        begin = 0
        for index, prospect in enumerate(prospects):
            terms = prospect.terms
            is_worth_trying = terms.is_required or terms.offer.offer_id in favourites
            if outlook is not None:
                bound = outlook.from_here[index - begin]
                if self._is_hopeless(state, bound, prospects, index):
                    return
                if self._stops():
                    self._leave_open(bound)
                    return
                is_worth_trying = not self._is_dearer(outlook.with_it[index - begin])
            if terms.offer.phase is not Phase.ITEM_PRICE and not state.is_past_item_prices:
                self._pass_item_prices(state, climbs=climbs)
                return
            if not terms.is_choice or is_worth_trying:
                state = state.in_phase(terms.offer.phase)
                after = state.after(terms)
                if after is not None:
                    self._explore(after, [one.terms for one in prospects[index + 1 :]], climbs=climbs)
                    if climbs or not terms.is_choice:
                        return
            if terms.is_required:
                return
            if outlook is not None and terms.is_smooth and not terms.offer.stacking_group:
                # The bound counted on it.
                begin = index + 1
                outlook = Outlook(state, prospects[begin:], self._weights)
        self._consider(state)

    def _pass_item_prices(self, state: State, *, climbs: bool) -> None:
        """Decide which exclusive coupon takes the order, if any; the later phases follow."""
        state = state.in_phase(Phase.PRODUCT)
        state.is_past_item_prices = True
        promotion = self._first_exclusive_promotion(state)
        beyond = [one for one in self._later if not one.offer.is_coupon]
        if promotion is not None:
            self._explore_with(state, promotion, beyond, climbs=climbs)
        else:
            self._explore(state, [one for one in self._later if not one.offer.must_be_alone], climbs=climbs)
        for one in self._later:
            if one is promotion:
                return
            if one.is_choice and one.offer.must_be_alone:
                self._explore_with(state, one, beyond, climbs=climbs)

    def _first_exclusive_promotion(self, state: State) -> Terms | None:
        for one in self._later:
            if one.offer.must_be_alone and not one.is_choice and self._applies_alone(state, one):
                return one
        return None

    def _applies_alone(self, state: State, terms: Terms) -> bool:
        return terms.offer.stacking_group not in state.groups and state.after(terms) is not None

    def _explore_with(self, state: State, exclusive: Terms, beyond: Sequence[Terms], *, climbs: bool) -> None:
        """Look at the sets in which this exclusive coupon takes the order."""
        if not self._applies_alone(state, exclusive):
            return
        following = [exclusive, *beyond]
        prospects = self._prospects(state, following)
        if prospects is None or not prospects or prospects[0].terms is not exclusive:
            return
        bound = Outlook(state, prospects, self._weights).with_it[0]
        if self._is_dearer(bound):
            return
        if not climbs and self._stops():
            self._leave_open(bound)
            return
        after = state.in_phase(exclusive.offer.phase).after(exclusive)
        if after is not None:
            self._explore(after, beyond, climbs=climbs)

    def _prospects(self, state: State, following: Sequence[Terms]) -> list[Prospect] | None:
        """What may still apply, in order; None when a required offer no longer can."""
        prospects = []
        for terms in following:
            most = None if terms.offer.stacking_group in state.groups else state.most(terms)
            if most is None:
                if terms.is_required:
                    return None
                continue
            most_of_shipping = state.most_of_shipping(terms)
            is_idle = terms.is_choice and not terms.is_required and not terms.can_matter_without_money
            if is_idle and not most and not most_of_shipping:
                continue
            prospects.append(Prospect(terms, most, most_of_shipping))
        return prospects

    def _consider(self, state: State) -> None:
        chosen = state.chosen
        if sum(one.is_required for one in chosen) < self._required:
            return
        rank = (
            state.payable(),
            len(chosen),
            sorted(one.expires_at for one in chosen),
            sorted(one.offer.offer_id for one in chosen),
        )
        if self.best is None or rank < self.best.rank:
            self.best = Found(rank, chosen)

    def _is_dearer(self, bound: int) -> bool:
        return self.best is not None and bound > self.best.rank[0]

    def _is_hopeless(self, state: State, bound: int, prospects: Sequence[Prospect], begin: int) -> bool:
        """Whether no set that adds offers from ``begin`` on can rank before the best one found."""
        if self.best is None or bound < self.best.rank[0]:
            return False
        if bound > self.best.rank[0]:
            return True
        payable, count, expiries, names = self.best.rank
        following = prospects[begin:]
        missing = self._fewest(state, payable, following)
        if missing is None or len(state.chosen) + missing > count:
            return True
        if len(state.chosen) + missing < count:
            return False
        choices = [one.terms for one in following if one.terms.is_choice]
        best_expiries = _merged((one.expires_at for one in state.chosen), (one.expires_at for one in choices), missing)
        if best_expiries != expiries:
            return best_expiries > expiries
        chosen_names = (one.offer.offer_id for one in state.chosen)
        return _merged(chosen_names, (one.offer.offer_id for one in choices), missing) >= names

    def _fewest(self, state: State, payable: int, following: Sequence[Prospect]) -> int | None:
        """How many more offers it takes at least to pay no more than ``payable``; None when all are too few."""
        weights = self._weights
        heaviest = max(weights.heaviest, weights.shipping)
        need = (state.payable() - payable - weights.slack - 1e-6) / heaviest
        of_groups: dict[str, int] = {}
        gains = []
        for one in following:
            gain, group = one.most + one.most_of_shipping, one.terms.offer.stacking_group
            if not one.terms.is_choice:
                need -= gain
            elif group:
                of_groups[group] = max(gain, of_groups.get(group, 0))
            else:
                gains.append(gain)
        if need <= 0:
            return 0
        sums = []
        total = 0
        for gain in sorted([*gains, *of_groups.values()], reverse=True):
            total += gain
            sums.append(total)
            if total >= need:
                break
        fewest = bisect_left(sums, need)
        return fewest + 1 if fewest < len(sums) else None

    def _stops(self) -> bool:
        self._has_stopped = self._has_stopped or self._should_stop(self.nodes)
        return self._has_stopped

    def _leave_open(self, bound: int) -> None:
        self.open_bound = bound if self.open_bound is None else min(self.open_bound, bound)


def _favourites(prospects: Sequence[Prospect]) -> set[str]:
    """The offers outside any group, and of every group the one that could take most."""
    favourites: dict[str, Prospect] = {}
    for one in prospects:
        group = one.terms.offer.stacking_group or one.terms.offer.offer_id
        if group not in favourites or one.most > favourites[group].most:
            favourites[group] = one
    return {one.terms.offer.offer_id for one in favourites.values()}


def _merged(mine: Iterable[Item], others: Iterable[Item], count: int) -> list[Item]:
    merged = list(mine)
    merged += nsmallest(count, others)
    return sorted(merged)
