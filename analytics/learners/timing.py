"""When and how a shopper is best reached: trigger score, active hours, channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

HOURS = 24
# Nobody is woken: the best hour lies in [first, last).
FIRST_HOUR, LAST_HOUR = 8, 22
# So many events of the population's habit are mixed into each shopper's own.
PRIOR_EVENTS = 10.0
# An event at 18:55 speaks for 19 o'clock nearly as much.
NEIGHBOURS = (0.25, 0.5, 0.25)

TRIGGER_DAYS = 7
FIRES_ABOVE = 0.8

# So many messages of the population's rate are mixed into each shopper's own.
PRIOR_MESSAGES = 20.0
# What one message of the last seven days takes from the next one's response: exp(-fatigue · messages).
FATIGUE = 0.35


def trigger_scores(weights: Matrix, reference: float) -> tuple[Vector, Vector]:
    """Returns today's and yesterday's trigger scores in [0, 1].

    A score is what a shopper did in seven days (view 0.5, cart 2, purchase 3), divided by `reference`, capped at 1.

    Args:
        weights: shoppers × 8 days, the newest first: the summed weights of each day's events.
        reference: the 90th percentile of the seven-day sums of those shoppers who did anything; at 0 all scores are 0.
    """
    if reference <= 0:
        nothing = np.zeros(len(weights))
        return nothing, nothing
    today = weights[:, :TRIGGER_DAYS].sum(axis=1)
    yesterday = weights[:, 1 : TRIGGER_DAYS + 1].sum(axis=1)
    return np.minimum(today / reference, 1.0), np.minimum(yesterday / reference, 1.0)


def fires(today: Vector, yesterday: Vector, in_live_campaign: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tells who is near to buying: above 0.8 on two days in a row while a campaign addresses them."""
    fired: NDArray[np.bool_] = (today > FIRES_ABOVE) & (yesterday > FIRES_ABOVE) & in_live_campaign
    return fired


def active_hours(counts: Matrix, population: Vector) -> Matrix:
    """Returns each shopper's share of activity by hour of the day, drawn to the population while little is known.

    Args:
        counts: shoppers × 24 events on the shop's clock.
        population: 24 events of everybody; nobody's events make an even day.
    """
    total = population.sum()
    prior = _blurred(population[None, :])[0] / total if total > 0 else np.full(HOURS, 1.0 / HOURS)
    blurred = _blurred(counts)
    shares: Matrix = (blurred + PRIOR_EVENTS * prior) / (blurred.sum(axis=1, keepdims=True) + PRIOR_EVENTS)
    return shares


def best_hours(shares: Matrix) -> NDArray[np.int64]:
    """Returns the busiest hour of each shopper among those at which nobody is woken; the earlier one of two alike."""
    hours: NDArray[np.int64] = shares[:, FIRST_HOUR:LAST_HOUR].argmax(axis=1).astype(np.int64) + FIRST_HOUR
    return hours


def smoothed_rates(sent: Matrix, answered: Matrix, rate: Vector) -> Matrix:
    """Returns `(answered + 20 · rate) / (sent + 20)`, the population's `rate` by channel being known."""
    rates: Matrix = (answered + PRIOR_MESSAGES * rate) / (sent + PRIOR_MESSAGES)
    return rates


def channel_scores(rates: Matrix, sent_lately: Matrix, cost: Vector) -> Matrix:
    """Returns the expected response per cost of one more message: `rate · exp(-0.35 · sent lately) / cost`.

    Args:
        sent_lately: shoppers × channels, messages of the last seven days.
        cost: of a message by channel, in any unit above 0: money, or what it asks of the shopper's patience.
    """
    scores: Matrix = rates * np.exp(-FATIGUE * sent_lately) / cost
    return scores


def _blurred(counts: Matrix) -> Matrix:
    before, here, after = NEIGHBOURS
    blurred: Matrix = before * np.roll(counts, 1, axis=1) + here * counts + after * np.roll(counts, -1, axis=1)
    return blurred
