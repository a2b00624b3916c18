"""What a technique's runs gave, in four flat tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

TRAINED, FAILED = "trained", "failed"  # a run's status


@dataclass(frozen=True)
class FailedTraining:
    """What stands in the place of a network that could not be trained, and why."""

    reason: str


@dataclass(frozen=True)
class Results:
    """A technique's runs; every table has a column ``seed``.

    Attributes:
        runs: A row per run: technique, seed, status, the figures of one number and the run's
            fingerprint (columns ``fingerprint_<part>``). Empty if not trained.
        epochs: A row per run and epoch: the history.
        predictions: A row per run and image of the validation and test parts: filename, split,
            label, predicted, confidence (float32).
        measurements: A row per run, figure with several values and setting: measure (the figure's
            name), setting (text), value.
    """

    runs: pd.DataFrame
    epochs: pd.DataFrame
    predictions: pd.DataFrame
    measurements: pd.DataFrame

    @classmethod
    def none(cls) -> "Results":
        """Those of a technique that is not trained: tables without rows."""
        return cls(
            runs=pd.DataFrame(columns=["technique", "seed", "status"]),
            epochs=pd.DataFrame(columns=["seed"]),
            predictions=pd.DataFrame(
                columns=["seed", "filename", "split", "label", "predicted", "confidence"]
            ),
            measurements=pd.DataFrame(columns=["seed", "measure", "setting", "value"]),
        )

    def of_seeds(self, seeds: Iterable[int]) -> "Results":
        """The runs with some seeds only."""
        kept = list(seeds)
        tables = (getattr(self, table.name) for table in fields(self))
        return Results(*(table[table["seed"].isin(kept)] for table in tables))

    def by_seed(self, figure: str) -> pd.Series:
        """A figure of one number, of the runs that did not fail, by seed; empty without it."""
        if figure not in self.runs:
            return pd.Series(dtype=float)
        trained = self.runs[self.runs["status"] == TRAINED]
        return trained.set_index("seed")[figure].astype(float)

    def by_setting(self, figure: str) -> pd.Series:
        """A figure with several values, mean over seeds, by setting in the order measured."""
        if self.measurements.empty:
            return pd.Series(dtype=float)
        rows = self.measurements[self.measurements["measure"] == figure]
        return rows.groupby("setting", sort=False)["value"].mean()


def collect(
    metrics: Sequence[Mapping[str, Any]],
    histories: Sequence[pd.DataFrame],
    predictions: Sequence[pd.DataFrame],
) -> Results:
    """Put a technique's runs into one set of tables.

    Args:
        metrics: Each run's, from ``evaluate``, with technique, seed and fingerprint.
        histories: Each run's, in the same order.
        predictions: Each run's, in the same order.
    """
    seeds = [run["seed"] for run in metrics]
    runs = []
    measured = []
    for run in metrics:
        of_fingerprint = {f"fingerprint_{k}": v for k, v in run["fingerprint"].items()}
        nested = {name: of for name, of in run.items() if isinstance(of, Mapping)}
        runs.append({key: run[key] for key in run if key not in nested} | of_fingerprint)
        measured += [
            {"seed": run["seed"], "measure": name, "setting": setting, "value": value}
            for name, values in nested.items()
            if name != "fingerprint"
            for setting, value in values.items()
        ]
    answers = [table.drop(columns="probabilities") for table in predictions]
    return Results(
        pd.DataFrame(runs),
        _stack(seeds, histories),
        _stack(seeds, answers),
        pd.DataFrame(measured, columns=["seed", "measure", "setting", "value"]),
    )


def _stack(seeds: Sequence[int], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [table.assign(seed=seed) for seed, table in zip(seeds, tables, strict=True)],
        ignore_index=True,
    )
