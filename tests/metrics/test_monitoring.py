"""What an operator copies: each rule and each panel names what is really exported, and each rule says what to do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml

from config.celery import beat_schedule
from config.env import BASE_DIR
from coupons.counters import GATE_OUTCOMES
from tests import factories
from tests.metrics.scraping import Scrape, scrape

FOLDER = BASE_DIR / "docs" / "monitoring"
NAME = re.compile(r"\bquan_[a-z0-9_]+")
SELECTOR = re.compile(r"(quan_[a-z0-9_]+)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"')


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads((FOLDER / "grafana.json").read_text(encoding="utf-8"))
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Every expression, by where it stands."""
    found = {rule["alert"]: rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


@pytest.fixture
def exported(db: None, settings: Any, client: Any) -> Scrape:
    """The page after a request and a comparison of the gates."""
    from config.kernel.clock import database_now
    from coupons.services.gate_reconciling import reconcile_gates

    factories.make_coupon()
    client.get("/healthz")
    reconcile_gates(now=database_now())
    return scrape(settings)


def missing(expression: str, names: set[str]) -> set[str]:
    # Histograms are read by their parts.
    return {
        name for name in NAME.findall(expression) if name not in names and name.removesuffix("_bucket") not in names
    }


def test_every_metric_that_is_named_is_exported(exported: Scrape) -> None:
    wrong = {where: missing(text, exported.names) for where, text in expressions().items()}
    assert {where: names for where, names in wrong.items() if names} == {}
    # Control: a name with a slip of the pen is found.
    assert missing("rate(quan_claim_total[5m]) > 0", exported.names) == {"quan_claim_total"}


def test_every_label_that_is_asked_for_exists(exported: Scrape) -> None:
    labels: dict[str, set[str]] = {}
    for family in exported.families:
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for where, expression in expressions().items():
        for name, matchers in SELECTOR.findall(expression):
            asked = {label for label, _operator, _value in MATCHER.findall(matchers)}
            assert asked <= labels.get(name, set()), where


def test_values_that_are_asked_for_exist(exported: Scrape) -> None:
    known = {
        "outcome": {*GATE_OUTCOMES, "granted", "error"},
        "kind": {"sold_out", "too_many", "too_few", "full_days"},
        "circuit": {"gate"},
        "view": {"api:claims"},
        "method": {"POST"},
        "status": {"500", "503"},
        "job": {"quan", *beat_schedule()},
    }
    for where, expression in expressions().items():
        for label, _operator, value in MATCHER.findall(expression):
            assert value in known[label], where
    kinds = {sample.labels.get("kind") for family in exported.families for sample in family.samples}
    assert known["kind"] <= kinds
    assert exported.series("quan_circuit_open", circuit="gate")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert len(rule["annotations"]["runbook"]) > 40
    assert re.fullmatch(r"\d+[sm]", rule.get("for", "1m"))
    # Every rule compares with something, and closes what it opens.
    assert re.search(r"[<>=]=?\s*[\d(]", rule["expr"])
    balance = [rule["expr"].count(opening) - rule["expr"].count(closing) for opening, closing in ("()", "[]", "{}")]
    assert balance == [0, 0, 0]


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _y in cells) < 24
        taken |= cells


def test_the_example_of_prometheus_names_the_page_and_the_rules() -> None:
    example = yaml.safe_load((FOLDER / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = example["scrape_configs"]
    assert job["metrics_path"] == "/metrics"
    # The rules ask for this name.
    assert job["job_name"] == "quan"
    assert all((FOLDER / name).exists() for name in example["rule_files"])
