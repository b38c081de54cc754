"""What a coupon is expected to cost and to bring with a shopper, by a simple rule from history that anybody can follow.

- A shopper buys within `days` with the chance `1 - exp(-rate * days)`, where `rate` is purchases a day; who has been
  silent for more than three usual pauses is less likely to come back, in proportion.
- A purchase uses the coupon with the shopper's own share of claims used, drawn towards the shop's as long as claims are
  few.
- Baskets vary around their mean as waiting times do: a minimum is reached with the chance `exp(-minimum / mean)`.
  One of seven baskets or more is reached by nobody.
- What is bought then is the basket or the minimum, whichever is more; the shop keeps its margin of it.

Where a model has scored pairs of shopper and coupon, it says who is likelier to use the coupon than whom, and the rule
says how many will: a model is a good judge of order, and a poor one of level on coupons unlike those it learned from.
What came of a coupon's claims so far corrects the level of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analytics.learners.levels import to_level

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# So many claims of the shop's average are added to a shopper's own.
PRIOR_CLAIMS = 10.0
# The share of claims used in a shop that has not seen any.
USED_SHARE = 0.1
USUAL_PAUSES = 3.0
# A minimum that is reached more rarely is reached by nobody: a coupon is not given away for the sake of it.
FEWEST_REACHED = 1e-3
# Of a claim's holder of whom no purchase is known, among places of shoppers.
STRANGER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is known of shoppers, one entry each; money in minor units, the window's length in days."""

    recency_days: Vector
    purchases: Vector
    money: Vector
    claims: Vector
    redemptions: Vector
    window_days: float

    @property
    def basket(self) -> Vector:
        """What a purchase comes to on average; 0 without one."""
        mean: Vector = self.money / np.maximum(self.purchases, 1)
        return mean


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A coupon as far as its cost goes: an amount, or a percentage with or without a cap. Money in minor units."""

    minimum_spend: float = 0.0
    amount_off: float | None = None
    percent_off: float | None = None
    discount_cap: float | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Per shopper: the chance to buy at all; per shopper and coupon: the chance of use, its cost and its value.

    `scored` tells for which pairs the chance rests on a model's score, and not on the rule alone.
    """

    buys: Vector
    uses: Matrix
    costs: Matrix
    values: Matrix
    scored: NDArray[np.bool_]


def expect(
    history: History,
    coupons: Sequence[Terms],
    *,
    days: float,
    margin: float,
    scores: Matrix | None = None,
    levels: Sequence[float] | None = None,
) -> Expected:
    """Returns what each coupon is expected to do with each shopper.

    Args:
        days: how long coupons can be used.
        margin: what the shop keeps of what is bought, before the discount, in [0, 1].
        scores: a model's chance of use, shoppers × coupons, NaN where there is none. It is taken not to know of the
            minimum, so it is multiplied by the chance to reach that; of a coupon's scored shoppers the sum stays
            the rule's.
        levels: what came of each coupon's claims so far, as a factor of what the rule expects; 1 if nothing is known.
    """
    buys = chance_to_buy(history, days)
    basket = history.basket
    used = _used_share(history)
    shape = (len(buys), len(coupons))
    uses, costs, values = (np.zeros(shape) for _ in range(3))
    scored = np.zeros(shape, dtype=np.bool_)
    for column, terms in enumerate(coupons):
        bought = np.maximum(basket, terms.minimum_spend)
        reached = _reached(terms, basket)
        level = 1.0 if levels is None else levels[column]
        chances = np.minimum(1.0, level * buys * used * reached)
        if scores is not None:
            known = np.isfinite(scores[:, column])
            chances[known] = to_level(scores[known, column] * reached[known], float(chances[known].sum()))
            scored[:, column] = known
        uses[:, column] = chances
        costs[:, column] = chances * _discount(terms, bought)
        values[:, column] = chances * margin * bought
    return Expected(buys=buys, uses=uses, costs=costs, values=values, scored=scored)


def with_effect(expected: Expected, effect: Vector, *, history: History, margin: float) -> Expected:
    """Returns the same with values by what an offer causes in place of what is bought with the coupon.

    The effect was measured on everybody to whom a coupon was open, whether they used it or not: the chance to use a
    coupon at all is in it already. What is not is which coupon it was, and a coupon that is not used causes nothing.
    So each causes the part that its chance of use is of the best the shopper has: with any coupon of these, or by the
    rule with one without a minimum.

    Args:
        effect: per shopper, what the offer adds to the chance to buy; below zero it is worth nothing.
        margin: as for `expect`.
    """
    caused = np.clip(effect, 0.0, 1.0) * margin * np.maximum(history.basket, 0.0)
    best = expected.buys * _used_share(history)
    if expected.uses.shape[1]:
        best = np.maximum(best, expected.uses.max(axis=1))
    part = np.divide(expected.uses, best[:, None], out=np.zeros_like(expected.uses), where=(best > 0)[:, None])
    return replace(expected, values=part * caused[:, None])


def uses_of_claims(history: History, terms: Terms, *, places: NDArray[np.int64], days: Vector) -> Vector:
    """Returns the chance by the rule that each claim is used.

    Args:
        places: of the holder of each claim among the shoppers; of one that is `STRANGER` everybody's mean is taken.
        days: how long each claim can be used.
    """
    return _of_claims(history, terms, places, days)[0]


def cost_of_claims(
    history: History, terms: Terms, *, places: NDArray[np.int64], days: Vector, level: float = 1.0
) -> float:
    """Returns what claims that are held are expected to cost together.

    Args:
        places, days: as for `uses_of_claims`.
        level: as one of the levels of `expect`.
    """
    return level * float(_of_claims(history, terms, places, days)[1].sum())


def _of_claims(history: History, terms: Terms, places: NDArray[np.int64], days: Vector) -> tuple[Vector, Vector]:
    """Returns the chance of use and the cost of each claim."""
    uses, costs = np.zeros(len(places)), np.zeros(len(places))
    known = places != STRANGER
    holders = _picked(history, places[known])
    # The share of claims used is drawn towards the whole shop's, not towards the holders'.
    chance = chance_to_buy(holders, days[known]) * _used_share(history)[places[known]]
    uses[known] = chance * _reached(terms, holders.basket)
    costs[known] = uses[known] * _discount(terms, np.maximum(holders.basket, terms.minimum_spend))
    if len(history.purchases) and not known.all():
        uses[~known], costs[~known] = _of_strangers(history, terms, days[~known])
    return uses, costs


def _of_strangers(history: History, terms: Terms, days: Vector) -> tuple[Vector, Vector]:
    """Returns everybody's mean chance of use and cost, for whole days: nothing is known that asks for more."""
    wholes, places = np.unique(np.ceil(days), return_inverse=True)
    each = _used_share(history) * _reached(terms, history.basket)
    off = _discount(terms, np.maximum(history.basket, terms.minimum_spend))
    means = np.zeros((2, len(wholes)))
    for column, whole in enumerate(wholes.tolist()):
        uses = chance_to_buy(history, whole) * each
        means[:, column] = uses.mean(), (uses * off).mean()
    return means[0, places], means[1, places]


def _picked(history: History, places: NDArray[np.int64]) -> History:
    return History(
        recency_days=history.recency_days[places],
        purchases=history.purchases[places],
        money=history.money[places],
        claims=history.claims[places],
        redemptions=history.redemptions[places],
        window_days=history.window_days,
    )


def chance_to_buy(history: History, days: float | Vector) -> Vector:
    """Returns each shopper's chance of a purchase within so many days, the same for all or one number each."""
    rate = history.purchases / history.window_days
    pauses = history.recency_days * rate
    still_there = USUAL_PAUSES / np.maximum(pauses, USUAL_PAUSES)
    chance: Vector = still_there * -np.expm1(-rate * days)
    return chance


def _used_share(history: History) -> Vector:
    claims = history.claims.sum()
    usual = min(1.0, history.redemptions.sum() / claims) if claims else USED_SHARE
    share: Vector = np.minimum(1.0, (history.redemptions + PRIOR_CLAIMS * usual) / (history.claims + PRIOR_CLAIMS))
    return share


def _reached(terms: Terms, basket: Vector) -> Vector:
    chance: Vector = np.exp(-terms.minimum_spend / np.maximum(basket, 1.0))
    return np.where(chance < FEWEST_REACHED, 0.0, chance)


def _discount(terms: Terms, bought: Vector) -> Vector:
    off = (
        bought * (terms.percent_off or 0.0) / 100
        if terms.amount_off is None
        else np.full(len(bought), terms.amount_off)
    )
    if terms.discount_cap is not None:
        off = np.minimum(off, terms.discount_cap)
    return np.minimum(off, bought)
