"""Reading the page of metrics as Prometheus does."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.test import Client
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

TOKEN = "a-token-of-the-test-run-that-is-long-enough"


class Scrape:
    """What one page said."""

    def __init__(self, text: str) -> None:
        self.families: list[Metric] = list(text_string_to_metric_families(text))

    @property
    def names(self) -> set[str]:
        """Every name that a rule may use."""
        named: set[str] = set()
        for family in self.families:
            named |= {sample.name for sample in family.samples}
            # A family that has no series yet is known by its head.
            named.add(f"{family.name}_total" if family.type == "counter" else family.name)
        return named

    def value(self, name: str, **labels: str) -> float:
        """The sum of all series of this name that carry these labels."""
        return sum(self.series(name, **labels))

    def series(self, name: str, **labels: str) -> Iterable[float]:
        return [
            sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]


def scrape(settings: Any) -> Scrape:
    """Reads the page of this process with the token."""
    settings.METRICS_TOKEN = TOKEN
    answer = Client().get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    return Scrape(answer.content.decode())
