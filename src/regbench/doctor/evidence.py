"""What the doctor examines: the prepared images, and what the trainings on one network leave."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import tables
from regbench.doctor.commands import (
    longer_epochs,
    minutes_of,
    of_what_is_trained,
    trial_folder,
    with_params,
)
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import Metric
from regbench.metrics.registry import METRICS
from regbench.study.reporting import Reporting
from regbench.study.schema import BASELINE


@dataclass(frozen=True)
class Evidence:
    """The evidence on a study of one network; of several there is one for each.

    Attributes:
        results: The trainings that are up to date, by technique; failed ones, too.
        comparison: From ``compare``, of this network.
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: filename, label, target, split.
        classes: The labels.
        duplicates: Images with equal or nearly equal pixels: group, filename, label, split,
            finding.
        settings: The study's parameters, plain values; with ``command``.
        side_by_side: How many trainings run at once on this machine.
        network: Its name, in a study of several.
        whole_study: Minutes that all trainings of the study take, where a pilot has estimated it.
    """

    results: Mapping[str, Results]
    comparison: pd.DataFrame
    images: np.ndarray
    split_index: pd.DataFrame
    classes: list[str]
    duplicates: pd.DataFrame
    settings: Mapping[str, Any]
    side_by_side: int = 1
    network: str = ""
    whole_study: float | None = None

    @cached_property
    def part(self) -> str:
        """The judged part: test, or validation without a test."""
        return judged_part(set(self.split_index["split"]))

    @cached_property
    def reporting(self) -> Reporting:
        """How the comparison is judged."""
        return Reporting.model_validate(self.settings["reporting"])

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return METRICS[self.reporting.metric]

    @property
    def headline(self) -> str:
        """The figure that decides, such as ``test_accuracy``."""
        return f"{self.part}_{self.metric.name}"

    @property
    def protocol(self) -> Mapping[str, Any]:
        """What every technique shares, plain values."""
        protocol: Mapping[str, Any] = self.settings["protocol"]
        return protocol

    @cached_property
    def trained(self) -> dict[str, Results]:
        """The trainings that did not fail, of techniques that have any."""
        return tables.finished(self.results)

    @property
    def baseline(self) -> Results | None:
        """The baseline's trainings that did not fail; None without any."""
        return self.trained.get(BASELINE)

    def curves(self, technique: str, figure: str) -> np.ndarray:
        """Return a figure of the history, seeds x epochs, float.

        Trainings that ended before the others are left out; 0 x 0 if there is no such figure.
        """
        epochs = self.trained[technique].epochs if technique in self.trained else None
        if epochs is None or figure not in epochs or epochs.empty:
            return np.zeros((0, 0))
        table = epochs.pivot_table(index="seed", columns="epoch", values=figure, aggfunc="last")
        return table.dropna().to_numpy(dtype=float)

    def by_image(self, technique: str, part: str) -> pd.DataFrame:
        """Return a row per image of a part, by file name: label, and right, the share of seeds."""
        rows = self.trained[technique].predictions
        rows = rows[rows["split"] == part]
        groups = rows.assign(right=rows["predicted"] == rows["label"]).groupby("filename")
        return groups.agg(label=("label", "first"), right=("right", "mean"))

    @property
    def trained_epochs(self) -> int:
        """The epochs that the baseline has trained, on average; those planned if unknown."""
        if self.baseline is not None:
            epochs = self.baseline.by_seed("epochs").dropna()
            if len(epochs):
                return max(1, round(epochs.mean()))
        return int(self.protocol["epochs"])

    def images_in(self, part: str) -> int:
        """Return how many images a split part has."""
        return int((self.split_index["split"] == part).sum())

    def command(self, changed: Mapping[str, Any] | None = None, *options: str) -> str:
        """Return the study's command with parameters changed and options appended.

        Without a choice of pipelines it goes on with the techniques trained so far.
        """
        chosen = any(option.startswith("--pipelines=") for option in options)
        if not chosen and self.whole_study is None and "trainings" in self.comparison:
            options = (*of_what_is_trained(self.comparison), *options)
        return with_params(self.settings["command"], changed or {}, *options)

    def minutes(
        self,
        techniques: Iterable[str] | None = None,
        factor: float = 1.0,
        trainings: int | None = None,
    ) -> float | None:
        """Return the minutes that training techniques again takes; None if none was timed."""
        if self.whole_study is not None:
            return self.whole_study * factor
        return minutes_of(self.trained, self.side_by_side, techniques, factor, trainings)

    def first_try(
        self, changed: Mapping[str, Any], factor: float = 1.0
    ) -> tuple[str, float | None]:
        """Return the command that tries other settings on the baseline alone, and its minutes.

        What it makes lies in a folder of its own.
        """
        apart = {"data_root": trial_folder(str(self.settings.get("data_root", "data")))}
        return (
            self.command({**changed, **apart}, f"--pipelines={BASELINE},reporting"),
            self.minutes([BASELINE], factor),
        )

    def train_longer(self, factor: int) -> dict[str, Any]:
        """Return the command, minutes and action of a finding: the baseline with more epochs.

        Args:
            factor: How many times as many, as long as that is ten at least.
        """
        planned = int(self.protocol["epochs"])
        trained = planned if self.whole_study is not None else self.trained_epochs
        longer = longer_epochs(planned, factor)
        command, minutes = self.first_try({"protocol.epochs": longer}, factor=longer / trained)
        action = f"Train the baseline longer: {longer} epochs instead of {trained}"
        return {"command": command, "minutes": minutes, "action": action}
