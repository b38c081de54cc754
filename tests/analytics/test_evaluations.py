"""The command that repeats the figures of docs/models.md."""

from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from analytics.evaluation import allocation, knapsack_case, uplift
from analytics.evaluation.errors import DataMissing
from analytics.evaluation.hillstrom import VARIABLE, read_experiments

HEADER = "recency,history_segment,history,mens,womens,zip_code,newbie,channel,treatment,conversion,visit,spend\n"


def write_data(path: Path, *, rows: int = 3000, seed: int = 1) -> Path:
    """A file of the experiment's shape: new customers visit, the womens e-mail moves those who bought womens goods."""
    random = np.random.default_rng(seed)
    lines = [HEADER]
    for number in range(rows):
        womens, newbie = random.integers(0, 2, 2).tolist()
        arm = ("No E-Mail", "Womens E-Mail", "Mens E-Mail")[number % 3]
        visit = int(random.random() < 0.1 + 0.5 * newbie + 0.25 * womens * (arm == "Womens E-Mail"))
        place, way = random.choice(["Rural", "Urban", "Surburban"]), random.choice(["Phone", "Web", "Multichannel"])
        history = round(float(random.lognormal(5, 1)), 2)
        lines.append(
            f"{random.integers(1, 13)},x,{history},{1 - womens},{womens},{place},{newbie},{way},{arm},0,{visit},0\n"
        )
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_missing_data_is_said_loudly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    for arguments in ([], ["--data", str(tmp_path / "none.csv")], ["--data", str(tmp_path)]):
        with pytest.raises(CommandError, match=f"--data PATH or {VARIABLE}=PATH"):
            call_command("evaluate", "--task", "uplift", *arguments)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")

    with pytest.raises(DataMissing, match="it lacks channel, history"):
        read_experiments(tmp_path / "other.csv")


def test_the_variable_names_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(VARIABLE, str(write_data(tmp_path / "data.csv", rows=30)))

    arms = read_experiments(None)

    assert {name: len(arm.outcome) for name, arm in arms.items()} == {"womens": 20, "mens": 20}
    assert arms["womens"].treated.sum() == 10


def test_a_task_without_a_file_takes_none(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="takes no --data"):
        call_command("evaluate", "--task", "allocation", "--data", str(write_data(tmp_path / "data.csv", rows=3)))


def test_uplift_is_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(uplift, "SPLITS", 2)
    monkeypatch.setattr(uplift, "NULL_ROUNDS", 3)
    monkeypatch.setattr(uplift, "NULL_RESAMPLES", 20)
    said: list[str] = []

    figures = uplift.evaluate(7, said.append, write_data(tmp_path / "data.csv"))

    by_name = {figure.what: figure for figure in figures}
    assert by_name["Decision, womens, on all customers"].measured == "rank by uplift"
    assert by_name["Decision, mens, on all customers"].measured == "no reliable gain: rank by response"
    assert by_name["Qini, womens, T, logistic"].holds
    assert by_name["Shuffled treatment called a reliable gain"].measured.endswith("of 3")
    assert "womens: split 2 of 2" in said


def test_allocation_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocation, "SHOPPERS", 20_000)
    monkeypatch.setattr(allocation, "SHARES", (0.1, 0.4))

    figures = allocation.evaluate(7, lambda _text: None)

    assert len(figures) == 5
    assert figures[-1].holds


def test_the_greedy_one_takes_the_best_return_first_and_never_upgrades() -> None:
    values, costs = np.array([[3.0, 5.0], [2.0, 2.5]]), np.array([[1.0, 2.0], [1.0, 2.0]])

    assert knapsack_case.greedy_value(values, costs, 1.0) == 3
    assert knapsack_case.greedy_value(values, costs, 10.0) == 5
