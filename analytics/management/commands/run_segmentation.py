from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from analytics.enums import Job
from analytics.jobs.segmentation import DEFAULT_SEED, run_segmentation
from analytics.management.nightly import NightlyCommand
from analytics.models import Run
from analytics.selectors.features import Chunk
from config.kernel.progress import progress


class Command(NightlyCommand):
    help = "Segments the shoppers by what they bought in the last year, and tags each with segment:<key>."
    job = Job.SEGMENTATION
    default_seed = DEFAULT_SEED
    can_be_missing = True

    def start(self, **arguments: Any) -> Run:
        return run_segmentation(progress=_in_chunks, **arguments)

    def tell(self, run: Run) -> None:
        metrics = run.metrics
        self.stdout.write(
            f"Run {run.pk}: {metrics['tagged']} shoppers in {metrics['k']} segments, "
            f"silhouette {metrics['silhouette']}, {metrics['seconds']} s, {metrics['peak_memory_mib']} MiB."
        )
        for key, size in sorted(metrics["sizes"].items(), key=lambda pair: -pair[1]):
            self.stdout.write(f"  segment:{key}  {size}")


def _in_chunks(items: Iterable[Chunk], *, label: str, total: int | None) -> Iterable[Chunk]:
    return progress(items, label=label, total=total, unit="chunk")
