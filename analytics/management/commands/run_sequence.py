from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics.enums import RunState
from analytics.errors import RunInProgress, TorchMissing
from analytics.jobs.sequence import DEFAULT_SEED, run_sequence
from analytics.management.moments import moment
from config.kernel.clock import database_now


class Command(BaseCommand):
    help = (
        "Teaches the sequence model of next behaviour, an optional extra, and puts it into use if it beats the simple "
        "ways. Needs requirements-torch.txt."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            metavar="MOMENT",
            help="look at nothing from here on: 2017-12-31 (its first instant in the shop) or an ISO date and time",
        )
        parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = moment(options["as_of"]) if options["as_of"] else None
        if options["seed"] < 0:
            raise CommandError("--seed must not be negative.")
        try:
            run = run_sequence(now=database_now(), as_of=as_of, seed=options["seed"], tell=self._tell)
        except (RunInProgress, TorchMissing) as refusal:
            raise CommandError(refusal.sentence) from refusal
        metrics = run.metrics
        if run.state == RunState.PUBLISHED:
            self.stdout.write(f"Run {run.pk}: the model is in use, {metrics['seconds']} s.")
        else:
            self.stdout.write(self.style.WARNING(f"Run {run.pk}: no new model is in use. {run.reason_text}"))
        for name, figure in metrics.items():
            if name.startswith("ndcg_") and not name.startswith("ndcg_new_"):
                way = name.removeprefix("ndcg_")
                self.stdout.write(f"  NDCG@10 {way}  {figure} all, {metrics[f'ndcg_new_{way}']} new-only")

    def _tell(self, text: str) -> None:
        self.stderr.write(text)
