"""Quotes and best combinations against the size of cart and wallet; `python -m benchmarks.pricing` runs it alone."""

from __future__ import annotations

import argparse
import math
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from random import Random

from benchmarks.report import PAGE, write
from config.kernel.progress import progress
from coupons.pricing import (
    EVERYTHING,
    AmountOff,
    Benefit,
    Cart,
    CartLine,
    Cash,
    EveryAmountOff,
    MinimumSpend,
    Offer,
    PercentOff,
    Phase,
    Scope,
    ShippingOff,
    Tier,
    Tiered,
    price_cart,
)
from coupons.pricing.combination import best_combination

BLOCK = "pricing"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHELVES = 6
WALLETS = 7
CARTS = (10, 30, 100, 200)
COUPONS = (5, 10, 20, 40)
WALLET_SIZES = (10, 25, 50, 100, 200)
SUBSET_SIZES = (4, 6, 8, 10, 12)


@dataclass(frozen=True)
class Timing:
    """How long something took over several carts and wallets, in seconds; ``is_proven`` in how many of them."""

    lines: int
    offers: int
    seconds: list[float]
    is_proven: int = 0

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)


def make_cart(random: Random, lines: int) -> Cart:
    """Returns a cart of that many products from a few shelves."""
    return Cart(
        tuple(
            CartLine(
                line_id=f"line-{number}",
                sku=f"sku-{number}",
                categories=frozenset({f"shelf-{random.randrange(SHELVES)}"}),
                unit_price=random.randint(500, 20_000),
                quantity=random.randint(1, 3),
            )
            for number in range(lines)
        ),
        shipping=1200,
    )


def make_wallet(random: Random, cart: Cart, size: int) -> list[Offer]:
    """Returns coupons as a shopper collects them.

    Half are for the whole order and exclude each other; most others are for one shelf, one per order; a few
    are for shipping; a few shares of red packets stack. Most ask for a minimum spend.
    """
    wallet = []
    for number in range(size):
        roll = random.random()
        threshold = 100 + int(cart.subtotal * random.random() * 0.9)
        phase, group, scope = Phase.ORDER, "order", EVERYTHING
        if roll < 0.4:
            phase, group = Phase.PRODUCT, "shelf"
            scope = Scope(include_categories=frozenset({f"shelf-{random.randrange(SHELVES)}"}))
            threshold //= SHELVES
        elif roll < 0.5:
            phase, group = Phase.SHIPPING, "shipping"
        elif roll < 0.55:
            phase, group = Phase.RED_PACKET, ""
        wallet.append(
            Offer(
                offer_id=f"offer-{number}",
                coupon_id=f"coupon-{number}",
                benefit=_benefit(random, phase, threshold),
                phase=phase,
                scope=scope,
                conditions=(MinimumSpend(threshold),) if random.random() < 0.85 else (),
                stacking_group=group,
                expires_at=NOW + timedelta(days=random.randint(1, 30)),
            )
        )
    return wallet


def _benefit(random: Random, phase: Phase, threshold: int) -> Benefit:
    if phase is Phase.SHIPPING:
        return ShippingOff() if random.random() < 0.5 else ShippingOff(amount=random.choice([300, 500, 800]))
    if phase is Phase.RED_PACKET:
        return Cash(random.randint(10, 500))
    roll = random.random()
    if roll < 0.6:
        return AmountOff(max(100, threshold * random.choice([5, 10, 15, 20]) // 10_000 * 100))
    if roll < 0.85:
        return PercentOff(random.choice([500, 1000, 1500, 2000]), random.choice([None, 2000, 5000]))
    if roll < 0.93:
        return EveryAmountOff(20_000, random.choice([1000, 2000]), 10_000)
    return Tiered((Tier(minimum=10_000, amount=800), Tier(minimum=30_000, amount=3000)))


def all_subsets(cart: Cart, offers: Sequence[Offer]) -> int:
    """Returns the least payable by pricing every set of offers: what a search has to beat."""
    return min(
        priced.payable
        for count in range(len(offers) + 1)
        for chosen in combinations(offers, count)
        if len((priced := price_cart(cart, chosen, NOW)).applied) == count
    )


def measure_pricing() -> str:
    """Measures everything and returns the tables as Markdown."""
    jobs: list[tuple[str, int, int]] = [("quote", lines, 10) for lines in CARTS]
    jobs += [("quote", 30, offers) for offers in COUPONS]
    jobs += [("best", lines, offers) for lines in (30, 100) for offers in WALLET_SIZES]
    jobs += [("subsets", 30, offers) for offers in SUBSET_SIZES]
    timings = {job: _time(*job) for job in progress(jobs, label="Pricing", unit="size")}

    by_lines = [timings["quote", lines, 10] for lines in CARTS]
    by_offers = [timings["quote", 30, offers] for offers in COUPONS]
    subsets = [timings["subsets", 30, offers] for offers in SUBSET_SIZES]
    doubling = _slope([timing.offers for timing in subsets], [math.log2(timing.median) for timing in subsets])
    lines = [
        f"Taken on {datetime.now(UTC):%Y-%m-%d} with Python {platform.python_version()} on one core, CPU time; the "
        f"middle of {WALLETS} random carts and wallets, and the slowest of them.",
        "",
        "| quote | ms | slowest |",
        "|---|--:|--:|",
        *[_row(f"{one.lines} lines, {one.offers} coupons", one) for one in [*by_lines, *by_offers]],
        "",
        f"Time of a quote grows with lines to the power of {_exponent([one.lines for one in by_lines], by_lines):.2f}, "
        f"with coupons to the power of {_exponent([one.offers for one in by_offers], by_offers):.2f}.",
        "",
        "| best combination | ms | slowest | proven | all subsets instead |",
        "|---|--:|--:|--:|--:|",
    ]
    for count in (30, 100):
        found = [timings["best", count, offers] for offers in WALLET_SIZES]
        for one in found:
            log_subsets = math.log2(subsets[-1].median) + doubling * (one.offers - SUBSET_SIZES[-1])
            lines.append(
                f"{_row(f'{one.lines} lines, wallet of {one.offers}', one)} {one.is_proven} of {WALLETS} "
                f"| {_long(log_subsets) if count == subsets[0].lines else ''} |"
            )
        exponent = _exponent([one.offers for one in found], found)
        lines.append(f"| {count} lines: grows with the wallet to the power of {exponent:.2f} | | | | |")
    lines += [
        "",
        f"Pricing all subsets was measured for wallets of {', '.join(map(str, SUBSET_SIZES))} ("
        + ", ".join(f"{one.median * 1000:,.1f} ms" for one in subsets)
        + f"); every coupon more takes {2**doubling:.2f} times as long, and the column above goes on from there. "
        "Trying the orders of coupons as well would take factorially long; Quan applies them in one fixed order.",
    ]
    return "\n".join(lines)


def _time(kind: str, lines: int, offers: int) -> Timing:
    seconds, proven = [], 0
    for seed in range(WALLETS if kind != "subsets" else 3):
        random = Random(seed)
        cart = make_cart(random, lines)
        wallet = make_wallet(random, cart, offers)
        if kind == "quote":
            seconds.append(_best_of(3, lambda cart=cart, wallet=wallet: price_cart(cart, wallet, NOW)))
        elif kind == "best":
            proven += best_combination(cart, wallet, NOW).is_proven
            seconds.append(_best_of(3, lambda cart=cart, wallet=wallet: best_combination(cart, wallet, NOW)))
        else:
            assert best_combination(cart, wallet, NOW).quote.payable == all_subsets(cart, wallet)
            seconds.append(_best_of(1, lambda cart=cart, wallet=wallet: all_subsets(cart, wallet)))
    return Timing(lines, offers, seconds, proven)


def _best_of(times: int, work: Callable[[], object]) -> float:
    """The quickest of several times: what else runs on the machine only ever adds."""
    seconds = []
    for _ in range(times):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return min(seconds)


def _row(name: str, timing: Timing) -> str:
    return f"| {name} | {timing.median * 1000:.2f} | {max(timing.seconds) * 1000:.2f} |"


def _exponent(sizes: Sequence[int], timings: Sequence[Timing]) -> float:
    return _slope([math.log(size) for size in sizes], [math.log(timing.median) for timing in timings])


def _slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    return statistics.linear_regression(sizes, values).slope


def _long(log_seconds: float) -> str:
    """Seconds given as a power of two, in words that can be grasped."""
    if log_seconds < 0:
        return f"{2**log_seconds * 1000:,.0f} ms"
    years = log_seconds - math.log2(365.25 * 24 * 3600)
    if years < 0:
        return f"{2**log_seconds:,.0f} s" if log_seconds < 12 else f"{2**log_seconds / 3600:,.0f} hours"
    return f"{2**years:,.0f} years" if years < 20 else f"10^{years * math.log10(2):.0f} years"


def main() -> None:
    """Measures, prints the tables, and keeps them when asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pricing", description=__doc__)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md")
    options = parser.parse_args()
    text = measure_pricing()
    print(f"\n{text}")
    if options.write:
        write(PAGE, text, block=BLOCK)


if __name__ == "__main__":
    main()
