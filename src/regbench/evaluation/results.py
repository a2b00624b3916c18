"""The results of a technique: its trainings, collected in four flat tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd

TRAINED, FAILED = "trained", "failed"  # a training's status
NOT_NEEDED = "not needed"  # the status in the metrics of one that a look has spared


@dataclass(frozen=True)
class FailedTraining:
    """Takes the place of a network that could not be trained, with the reason."""

    reason: str


@dataclass(frozen=True)
class NotNeeded:
    """Takes the place of a network that was not trained, as a look found it not to be needed.

    Attributes:
        look: The look, as a number of seeds.
    """

    look: int


@dataclass(frozen=True)
class Results:
    """A technique's trainings; every table has a column ``seed``.

    Attributes:
        trainings: A row per training: technique, seed, status, the figures of one number and its
            fingerprint (columns ``fingerprint_<component>``). Empty if not trained.
        epochs: A row per training and epoch: the history.
        predictions: A row per training and image of the validation and test parts, and per train
            image among those with the highest loss: filename, split, label, predicted,
            confidence, label_probability (float32).
        measurements: A row per training, figure with several values and setting: measure (the
            figure's name), setting (text), value.
    """

    trainings: pd.DataFrame
    epochs: pd.DataFrame
    predictions: pd.DataFrame
    measurements: pd.DataFrame

    @classmethod
    def none(cls) -> "Results":
        """Return the results of a technique that is not trained: tables without rows."""
        return cls(
            trainings=pd.DataFrame(columns=["technique", "seed", "status"]),
            epochs=pd.DataFrame(columns=["seed"]),
            predictions=pd.DataFrame(
                columns=[
                    *("seed", "filename", "split", "label", "predicted"),
                    *("confidence", "label_probability"),
                ]
            ),
            measurements=pd.DataFrame(columns=["seed", "measure", "setting", "value"]),
        )

    def of_seeds(self, seeds: Iterable[int]) -> "Results":
        """Return the results of the trainings with these seeds only."""
        kept = list(seeds)
        tables = (getattr(self, table.name) for table in fields(self))
        return Results(*(table[table["seed"].isin(kept)] for table in tables))

    def by_seed(self, figure: str) -> pd.Series:
        """Return a single-number figure of the trainings that did not fail, by seed, float.

        It is empty if the results do not have the figure.
        """
        if figure not in self.trainings:
            return pd.Series(dtype=float)
        trained = self.trainings[self.trainings["status"] == TRAINED]
        return trained.set_index("seed")[figure].astype(float)

    def by_setting(self, figure: str) -> pd.Series:
        """Return a figure with several values, mean over seeds, by setting in stored order."""
        if self.measurements.empty:
            return pd.Series(dtype=float)
        rows = self.measurements[self.measurements["measure"] == figure]
        return rows.groupby("setting", sort=False)["value"].mean()


def collect(
    metrics: Sequence[Mapping[str, Any]],
    histories: Sequence[pd.DataFrame],
    predictions: Sequence[pd.DataFrame],
) -> Results:
    """Return the results of a technique's trainings.

    Args:
        metrics: Of each training, from ``evaluate``, with technique, seed and fingerprint.
        histories: Of each training, in the same order.
        predictions: Of each training, in the same order.
    """
    seeds = [training["seed"] for training in metrics]
    trainings = []
    measured = []
    for training in metrics:
        fingerprint = {f"fingerprint_{k}": v for k, v in training["fingerprint"].items()}
        nested = {name: value for name, value in training.items() if isinstance(value, Mapping)}
        trainings.append(
            {key: training[key] for key in training if key not in nested} | fingerprint
        )
        measured += [
            {"seed": training["seed"], "measure": name, "setting": setting, "value": value}
            for name, values in nested.items()
            if name != "fingerprint"
            for setting, value in values.items()
        ]
    answers = [table.drop(columns="probabilities") for table in predictions]
    return Results(
        pd.DataFrame(trainings),
        _stack(seeds, histories),
        _stack(seeds, answers),
        pd.DataFrame(measured, columns=["seed", "measure", "setting", "value"]),
    )


def joined(one: Results, other: Results) -> Results:
    """Return the results of the same technique with other seeds, those of ``one`` first."""
    if one.trainings.empty or other.trainings.empty:
        return other if one.trainings.empty else one
    tables = ((getattr(one, of.name), getattr(other, of.name)) for of in fields(Results))
    return Results(
        *(
            pd.concat([table for table in both if len(table)] or both[:1], ignore_index=True)
            for both in tables
        )
    )


def _stack(seeds: Sequence[int], tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [table.assign(seed=seed) for seed, table in zip(seeds, tables, strict=True)],
        ignore_index=True,
    )
