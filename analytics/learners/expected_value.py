"""What a coupon is expected to cost and to bring with a shopper, by a simple rule from history that anybody can follow.

- A shopper buys within `days` with the chance `1 - exp(-rate * days)`, where `rate` is purchases a day; who has been
  silent for more than three usual pauses is less likely to come back, in proportion.
- A purchase uses the coupon with the shopper's own share of claims used, drawn towards the shop's as long as claims are
  few.
- Baskets vary around their mean as waiting times do: a minimum is reached with the chance `exp(-minimum / mean)`.
- What is bought then is the basket or the minimum, whichever is more; the shop keeps its margin of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

# So many claims of the shop's average are added to a shopper's own.
PRIOR_CLAIMS = 10.0
# The share of claims used in a shop that has not seen any.
USED_SHARE = 0.1
USUAL_PAUSES = 3.0


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
    """Per shopper: the chance to buy at all; per shopper and coupon: the chance of use, its cost and its value."""

    buys: Vector
    uses: Matrix
    costs: Matrix
    values: Matrix


def expect(history: History, coupons: list[Terms], *, days: float, margin: float) -> Expected:
    """Returns what each coupon is expected to do with each shopper.

    Args:
        days: how long coupons can be used.
        margin: what the shop keeps of what is bought, before the discount, in [0, 1].
    """
    buys = chance_to_buy(history, days)
    basket = history.basket
    used = _used_share(history)
    uses, costs, values = (np.zeros((len(buys), len(coupons))) for _ in range(3))
    for column, terms in enumerate(coupons):
        bought = np.maximum(basket, terms.minimum_spend)
        uses[:, column] = buys * used * _reached(terms, basket)
        costs[:, column] = uses[:, column] * _discount(terms, bought)
        values[:, column] = uses[:, column] * margin * bought
    return Expected(buys=buys, uses=uses, costs=costs, values=values)


def with_effect(expected: Expected, effect: Vector, *, history: History, margin: float) -> Expected:
    """Returns the same with values by what an offer causes in place of what is bought with the coupon.

    The effect was measured on everybody to whom a coupon was open, whether they used it or not: it has the chance of
    use in it already.

    Args:
        effect: per shopper, what the offer adds to the chance to buy; below zero it is worth nothing.
        margin: as for `expect`.
    """
    values = np.clip(effect, 0.0, 1.0) * margin * np.maximum(history.basket, 0.0)
    return replace(expected, values=np.repeat(values[:, None], expected.costs.shape[1], axis=1))


def cost_of_claims(history: History, terms: Terms, *, places: NDArray[np.int64], days: Vector) -> float:
    """Returns what claims that are held are expected to cost together.

    Args:
        places: of the holder of each claim among the shoppers.
        days: how long each claim can still be used.
    """
    holders = History(
        recency_days=history.recency_days[places],
        purchases=history.purchases[places],
        money=history.money[places],
        claims=history.claims[places],
        redemptions=history.redemptions[places],
        window_days=history.window_days,
    )
    # The share of claims used is drawn towards the whole shop's, not towards the holders'.
    uses = chance_to_buy(holders, days) * _used_share(history)[places] * _reached(terms, holders.basket)
    return float((uses * _discount(terms, np.maximum(holders.basket, terms.minimum_spend))).sum())


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
    return chance


def _discount(terms: Terms, bought: Vector) -> Vector:
    off = (
        bought * (terms.percent_off or 0.0) / 100
        if terms.amount_off is None
        else np.full(len(bought), terms.amount_off)
    )
    if terms.discount_cap is not None:
        off = np.minimum(off, terms.discount_cap)
    return np.minimum(off, bought)
