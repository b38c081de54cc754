"""Brings the database up to date and fills it, in one Django process; every step is quick the second time."""

import sys
import time
from collections.abc import Callable

import django
from django.core.management import CommandError, call_command

from config.catalogues import compile_outdated


def migrate() -> None:
    """Apply migrations that are still missing."""
    call_command("migrate", interactive=False, verbosity=0)


def load_history() -> None:
    """Load the real year of orders, unless it is there."""
    call_command("load_complete_journey")


def load_live_coupons() -> None:
    """Load the live coupons and the demo accounts, unless they are there."""
    call_command("load_demo")


def segment_shoppers() -> None:
    """Run the nightly segmentation once, so that the first marketer finds segments."""
    call_command("run_segmentation", "--if-missing")


def recommend_coupons() -> None:
    """Run the nightly recommendation once, so that the first shopper finds a list of their own."""
    call_command("run_recommendation", "--if-missing")


def forecast() -> None:
    """Run the nightly forecast once, so that the first marketer finds what shelves will sell."""
    call_command("run_stock_forecast", "--if-missing")


FAILURE = 1

STEPS: tuple[tuple[str, Callable[[], object]], ...] = (
    ("Message catalogues", compile_outdated),
    ("Database tables", migrate),
    ("A real year of orders", load_history),
    ("Live coupons and demo accounts", load_live_coupons),
    ("Shopper segments", segment_shoppers),
    ("Recommended coupons", recommend_coupons),
    ("Forecasts of stock and demand", forecast),
)


def main() -> int:
    """Run every step in order, saying what takes how long; return the exit status."""
    django.setup()
    for number, (label, step) in enumerate(STEPS, start=1):
        print(f"demo: {number}/{len(STEPS)} {label} …", flush=True)
        started = time.monotonic()
        try:
            step()
        except CommandError as error:
            print(f"demo: {error}", file=sys.stderr)
            return FAILURE
        print(f"demo: {number}/{len(STEPS)} {label}: done in {time.monotonic() - started:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
