"""The e-mail experiment that uplift is judged on: Hillstrom's MineThatData challenge of 2008, 64,000 customers."""

from __future__ import annotations

import csv
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analytics.evaluation.errors import DataMissing
from analytics.learners.uplift import Matrix, Vector

VARIABLE = "HILLSTROM_CSV"
CONTROL = "No E-Mail"
ARMS = {"womens": "Womens E-Mail", "mens": "Mens E-Mail"}
FEATURES = ("recency", "log history", "mens", "womens", "newbie", "rural", "urban", "phone", "multichannel")
COLUMNS = frozenset(("recency", "history", "mens", "womens", "zip_code", "newbie", "channel", "treatment", "visit"))


@dataclass(frozen=True, slots=True)
class Experiment:
    """One arm against no e-mail: features by row, whether an e-mail was sent, and whether the customer visited."""

    features: Matrix
    treated: Vector
    outcome: Vector


def read_experiments(path: Path | None) -> dict[str, Experiment]:
    """Reads the arms of the experiment by name.

    Args:
        path: of the file; None takes the variable `HILLSTROM_CSV`.

    Raises:
        DataMissing: there is no such file, or it is another one.
    """
    path = path or Path(os.environ.get(VARIABLE, ""))
    if not path.is_file():
        raise DataMissing(
            f"No Hillstrom data at {path if path.name else 'any place'}. It is not part of this project: get the file "
            "of the MineThatData E-Mail Analytics And Data Mining Challenge (64,000 rows of CSV), and name it with "
            f"--data PATH or {VARIABLE}=PATH."
        )
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if not COLUMNS.issubset(reader.fieldnames or ()):
            raise DataMissing(f"{path} is not the Hillstrom data: it lacks {', '.join(sorted(COLUMNS))}.")
        rows = list(reader)
    return {name: _arm(rows, label) for name, label in ARMS.items()}


def _arm(rows: list[dict[str, str]], label: str) -> Experiment:
    chosen = [row for row in rows if row["treatment"] in (label, CONTROL)]
    return Experiment(
        features=np.array([_features(row) for row in chosen]),
        treated=np.array([float(row["treatment"] == label) for row in chosen]),
        outcome=np.array([float(row["visit"]) for row in chosen]),
    )


def _features(row: dict[str, str]) -> list[float]:
    return [
        float(row["recency"]),
        float(np.log(float(row["history"]))),
        float(row["mens"]),
        float(row["womens"]),
        float(row["newbie"]),
        float(row["zip_code"] == "Rural"),
        float(row["zip_code"] == "Urban"),
        float(row["channel"] == "Phone"),
        float(row["channel"] == "Multichannel"),
    ]
