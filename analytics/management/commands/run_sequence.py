from __future__ import annotations

from typing import Any

from analytics.enums import Job
from analytics.jobs.sequence import DEFAULT_SEED, run_sequence
from analytics.management.nightly import NightlyCommand
from analytics.models import Run


class Command(NightlyCommand):
    help = (
        "Teaches the sequence model of next behaviour, an optional extra, and puts it into use if it beats the simple "
        "ways. Needs requirements-torch.txt."
    )
    job = Job.SEQUENCE
    default_seed = DEFAULT_SEED

    def start(self, **arguments: Any) -> Run:
        return run_sequence(tell=self._tell_progress, **arguments)

    def tell(self, run: Run) -> None:
        self.stdout.write(f"Run {run.pk}: the model is in use, {run.metrics['seconds']} s.")
        self._tell_figures(run)

    def tell_skipped(self, run: Run) -> None:
        self.stdout.write(self.style.WARNING(f"Run {run.pk}: no new model is in use. {run.reason_text}"))
        self._tell_figures(run)

    def _tell_figures(self, run: Run) -> None:
        for name, figure in run.metrics.items():
            if name.startswith("ndcg_") and not name.startswith("ndcg_new_"):
                way = name.removeprefix("ndcg_")
                new_only = run.metrics[f"ndcg_new_{way}"]
                self.stdout.write(f"  NDCG@10 {way}  {figure} all, {new_only} new-only")

    def _tell_progress(self, text: str) -> None:
        self.stderr.write(text)
