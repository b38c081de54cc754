from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from config.kernel.ids import as_uuid
from coupons.draws import faults_of
from coupons.models import Lottery
from coupons.selectors.lotteries import proof_parts


class Command(BaseCommand):
    help = "Draws a lottery again, from its published file or from the database, and says whether all agrees."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file_or_id", metavar="FILE_OR_ID", help="a published file, or the public id of a lottery")

    def handle(self, *args: Any, **options: Any) -> None:
        proof = self._proof(options["file_or_id"])
        faults = faults_of(proof)
        if faults:
            raise CommandError("The draw cannot be confirmed: " + "; ".join(faults) + ".")
        self.stdout.write(f"The draw is right: {len(proof['winners'])} of {len(proof['entries'])} tickets won.")

    def _proof(self, file_or_id: str) -> Any:
        public_id = as_uuid(file_or_id)
        lottery = Lottery.objects.filter(public_id=public_id).first() if public_id else None
        try:
            text = "".join(proof_parts(lottery)) if lottery else Path(file_or_id).read_text(encoding="utf-8")
            return json.loads(text)
        except (OSError, ValueError) as error:
            raise CommandError(f"There is no lottery and no readable file {file_or_id}.") from error
