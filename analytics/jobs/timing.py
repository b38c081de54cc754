"""The nightly timing run: at which hour, by which channel, and who is near to buying."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from analytics.enums import Job, RunReason, RunState
from analytics.jobs.exclusive import exclusively
from analytics.jobs.measuring import Stopwatch, peak_memory
from analytics.learners.segmentation import FEWEST_SHOPPERS
from analytics.learners.timing import (
    active_hours,
    best_hours,
    channel_scores,
    fires,
    smoothed_rates,
    trigger_scores,
)
from analytics.models import Run
from analytics.selectors.timing import CHANNELS, Population, TimingFacts, population, timing_chunks
from analytics.selectors.windows import learning_window
from analytics.services.runs import run_finish, run_start, runs_mark_interrupted
from campaigns.enums import MessageChannel
from campaigns.services.scores import PlanDraft, contact_plans_drop_older, contact_plans_write

CHUNK_ROWS = 5_000
# What a message asks of a shopper's patience: an e-mail interrupts, a line in the app's inbox waits to be read.
COSTS = {MessageChannel.EMAIL: 2.0, MessageChannel.IN_APP: 1.0}
# There is no randomness in it.
SEED = 0
TOLD_HOURS = 3

logger = structlog.get_logger(__name__)


def run_timing(*, now: datetime, as_of: datetime | None = None) -> Run:
    """Works out a contact plan for everybody who did anything in the last 90 days.

    Plans are renewed in chunks, each its own transaction; the same data give the same plans.

    Args:
        as_of: nothing that happened then or later is looked at; None for now, see `learning_window`.

    Raises:
        RunInProgress: another one has not finished.
    """
    with exclusively(Job.TIMING):
        watch = Stopwatch(now)
        runs_mark_interrupted(job=Job.TIMING, now=now)
        window = learning_window(now=now, as_of=as_of, fewest_shoppers=FEWEST_SHOPPERS)
        parameters = {"costs": {channel.value: cost for channel, cost in COSTS.items()}}
        run = run_start(job=Job.TIMING, window=window, seed=SEED, parameters=parameters, now=now)
        try:
            metrics = {**_plan_everybody(window.end, now), "seconds": round(watch.seconds(), 3)}
        except Exception as error:
            run_finish(run=run, state=RunState.FAILED, reason=f"{type(error).__name__}: {error}", now=watch.now())
            raise
        metrics["peak_memory_mib"] = round(peak_memory(), 1)
        state = RunState.PUBLISHED if metrics["shoppers"] else RunState.SKIPPED
        reason = "" if metrics["shoppers"] else RunReason.TOO_FEW
        run_finish(run=run, state=state, reason=reason, metrics=metrics, now=watch.now())
        logger.info("timing finished", run=run.pk, **metrics)
        return run


def _plan_everybody(as_of: datetime, now: datetime) -> dict[str, Any]:
    everybody = population(as_of=as_of)
    hours: Counter[int] = Counter()
    channels: Counter[str] = Counter()
    shoppers = triggered = 0
    for facts in timing_chunks(as_of=as_of, now=now, chunk_rows=CHUNK_ROWS):
        drafts = plan_drafts(facts, everybody)
        shoppers += contact_plans_write(drafts=drafts, now=now)
        triggered += sum(draft.is_triggered for draft in drafts)
        hours.update(draft.hour for draft in drafts)
        channels.update(draft.channel.value for draft in drafts)
    # Without anybody a feed has broken, and the old plans are better than none.
    dropped = contact_plans_drop_older(than=now) if shoppers else 0
    return {
        "shoppers": shoppers,
        "triggered": triggered,
        "dropped": dropped,
        "hours": {str(hour): count for hour, count in sorted(hours.items())},
        "channels": dict(channels),
    }


def plan_drafts(facts: TimingFacts, everybody: Population) -> list[PlanDraft]:
    """Returns the plans of some shoppers, with the figures that led to them."""
    shares = active_hours(facts.hours, everybody.hours)
    hours = best_hours(shares)
    today, yesterday = trigger_scores(facts.days, everybody.reference)
    fired = fires(today, yesterday, facts.in_live_campaign)
    rates = smoothed_rates(facts.sent, facts.answered, everybody.channel_rates)
    scores = channel_scores(rates, facts.sent_lately, np.array([COSTS[channel] for channel in CHANNELS]))
    # Who has no address, or does not want to be written to, is reached in the app alone.
    scores[:, CHANNELS.index(MessageChannel.EMAIL)] *= facts.has_email
    best = scores.argmax(axis=1)
    names = [channel.value for channel in CHANNELS]
    # Plain numbers, all at once: to ask an array for each of them takes several times as long.
    columns = zip(
        facts.shopper_ids.tolist(),
        hours.tolist(),
        best.tolist(),
        today.tolist(),
        yesterday.tolist(),
        fired.tolist(),
        facts.hours.sum(axis=1).tolist(),
        _busiest(shares),
        rates.tolist(),
        facts.sent_lately.tolist(),
        scores.tolist(),
        strict=True,
    )
    return [
        PlanDraft(
            shopper_id=shopper_id,
            hour=hour,
            channel=CHANNELS[place],
            trigger_score=score,
            is_triggered=is_triggered,
            reasons={
                "events": int(events),
                "hours": busiest,
                "yesterday": round(before, 3),
                "channels": {
                    name: {"rate": round(rate, 4), "sent_lately": int(lately), "score": round(worth, 4)}
                    for name, rate, lately, worth in zip(names, of_rates, of_lately, of_scores, strict=True)
                },
            },
        )
        for (
            shopper_id,
            hour,
            place,
            score,
            before,
            is_triggered,
            events,
            busiest,
            of_rates,
            of_lately,
            of_scores,
        ) in columns
    ]


def _busiest(shares: NDArray[np.float64]) -> list[list[list[float]]]:
    """Returns each shopper's busiest hours with their shares, as lists: the database orders an object's keys anew."""
    busiest = np.argsort(-shares, axis=1, kind="stable")[:, :TOLD_HOURS]
    told = np.take_along_axis(shares, busiest, axis=1)
    return [
        [[hour, round(share, 3)] for hour, share in zip(of_hours, of_shares, strict=True)]
        for of_hours, of_shares in zip(busiest.tolist(), told.tolist(), strict=True)
    ]
