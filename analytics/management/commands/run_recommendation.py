from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analytics.enums import Job
from analytics.jobs.recommendation import DEFAULT_SEED, run_recommendation
from analytics.learners.purchases import Purchases
from analytics.management.nightly import NightlyCommand
from analytics.models import Run
from config.kernel.progress import progress


class Command(NightlyCommand):
    help = "Learns which product types shoppers buy next, and lists the coupons that suit each of them."
    job = Job.RECOMMENDATION
    default_seed = DEFAULT_SEED
    can_be_missing = True

    def start(self, **arguments: Any) -> Run:
        return run_recommendation(progress=_in_chunks, **arguments)

    def tell(self, run: Run) -> None:
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['affinities']} places of {metrics['coupons']} coupons on the lists of "
            f"{metrics['shoppers']} shoppers, {metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
        for name in ("challenger", "incumbent", "simple", "popularity"):
            if f"ndcg_{name}" in metrics:
                self.stdout.write(
                    f"  NDCG@10 {name}  {metrics[f'ndcg_{name}']} all, {metrics[f'ndcg_new_{name}']} new-only"
                )


def _in_chunks(items: Iterable[Purchases], *, label: str, total: int | None) -> Iterable[Purchases]:
    return progress(items, label=label, total=total, unit="chunk")
