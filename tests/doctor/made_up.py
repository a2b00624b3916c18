"""Studies made up for tests of the doctor: a healthy one, and changes that make it sick."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from tests.comparison.trainings import FINGERPRINT
from tests.study.base_study import BASE

from regbench.comparison.compare import compare
from regbench.doctor.evidence import Evidence
from regbench.evaluation.results import Results, collect
from regbench.study.reader import read_study
from regbench.study.reporting import Reporting

CLASSES = ["a", "b", "c"]
SEEDS = (1, 2, 3, 4, 5)
COMMAND = "uv run kedro run --params=images=set"
PARTS = ("train", "validation", "test")
TECHNIQUES: Mapping[str, Any] = {
    "baseline": {},
    "dropout": {"dropout": 0.25},
    "l2": {"l2": 0.0001},
}

Answer = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


@dataclass
class Study:
    """A study of a few hundred images; as it stands, nothing is wrong with it.

    Attributes:
        accuracies: By technique: train, validation and test.
        spread: Of the test accuracy over seeds, by technique; others vary by an image.
        images_in: Images in train, validation and test.
        shares: Of the classes.
        course: Validation accuracy, validation cross-entropy, train accuracy of every epoch.
        rates: The learning rate of every epoch.
        answers: Changes a training's predictions.
        failed: By technique, the seed of a training whose loss stopped being finite.
        outlier: By technique, the accuracy of its first seed.
        index: Changes the split index.
        brighter: Grey levels that test images are brighter by.
        duplicates: As ``find_duplicates`` lists them.
        settings: Of the study, by dotted key.
        looks: Of the study; none unless given.
    """

    accuracies: dict[str, tuple[float, float, float]] = field(
        default_factory=lambda: {
            "baseline": (1.0, 0.85, 0.84),
            "dropout": (0.99, 0.90, 0.89),
            "l2": (1.0, 0.85, 0.84),
        }
    )
    spread: dict[str, float] = field(default_factory=dict)
    images_in: tuple[int, int, int] = (600, 600, 600)
    shares: tuple[float, ...] = (0.34, 0.33, 0.33)
    course: Sequence[tuple[float, float, float]] = tuple(
        (0.85 - 0.4 * 0.5**epoch, 0.45 + 0.5 * 0.4**epoch + 0.01 * epoch, 1 - 0.6**epoch)
        for epoch in range(1, 13)
    )
    rates: Sequence[float] = tuple(0.001 * (1 - epoch / 12) for epoch in range(12))
    answers: Answer = lambda table, random: table
    failed: dict[str, int] = field(default_factory=dict)
    outlier: dict[str, float] = field(default_factory=dict)
    index: Callable[[pd.DataFrame], pd.DataFrame] = lambda index: index
    brighter: int = 0
    duplicates: Sequence[tuple[Any, ...]] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    looks: Sequence[int] = ()

    def evidence(self) -> Evidence:
        index = self._index()
        settings = self._settings()
        results = {name: self._results(name, index) for name in self.accuracies}
        reporting = Reporting.model_validate(settings["reporting"])
        random = np.random.default_rng(3)
        images = random.integers(0, 200, (len(index), 8, 8, 1)).astype(np.uint8)
        images[index["split"] == "test"] += np.uint8(self.brighter)
        return Evidence(
            results=results,
            comparison=compare(results, {}, reporting.band, metric=reporting.metric),
            images=images,
            split_index=index,
            classes=CLASSES,
            duplicates=pd.DataFrame(
                self.duplicates, columns=["group", "filename", "label", "split", "finding"]
            ),
            settings={**settings, "command": COMMAND},
            side_by_side=2,
        )

    def _settings(self) -> dict[str, Any]:
        given = copy.deepcopy(BASE) | {"techniques": copy.deepcopy(dict(TECHNIQUES))}
        given["protocol"] |= {"seeds": list(SEEDS), "epochs": len(self.course)}
        for path, value in self.settings.items():
            *parents, last = path.split(".")
            place = given
            for key in parents:
                place = place[key]
            place[last] = value
        return read_study(given).as_parameters()

    def _index(self) -> pd.DataFrame:
        random = np.random.default_rng(1)
        tables = []
        for part, number in zip(PARTS, self.images_in, strict=True):
            counts = np.round(np.asarray(self.shares) * number).astype(int)
            counts[0] += number - counts.sum()
            targets = random.permutation(np.repeat(range(len(CLASSES)), counts))
            names = [f"{part} {image}" for image in range(number)]
            tables.append(pd.DataFrame({"filename": names, "target": targets, "split": part}))
        index = pd.concat(tables, ignore_index=True)
        index["label"] = [CLASSES[target] for target in index["target"]]
        return self.index(index)

    def _results(self, technique: str, index: pd.DataFrame) -> Results:
        train, validation, test = self.accuracies[technique]
        random = np.random.default_rng(len(technique))
        metrics, histories, predictions = [], [], []
        for seed in SEEDS:
            made = {"technique": technique, "seed": seed, "status": "trained", "seconds": 60.0}
            if self.failed.get(technique) == seed:
                reason = "the loss stopped being finite in epoch 1"
                metrics.append({**made, "status": "failed", "reason": reason, "epochs": 1})
                answers = self._answers(index[:0], {}, (seed, 0))
            else:
                shift = self.spread.get(technique, 0.0) * (-2, 1, 0, 2, -1)[seed - 1]
                first = self.outlier.get(technique, test) if seed == 1 else test
                wanted = {"validation": validation, "test": first + shift}
                answers = self.answers(self._answers(index, wanted, (seed, len(technique))), random)
                answers = pd.concat([answers, self._hardest(index)], ignore_index=True)
                figures = {
                    f"{part}_accuracy": float((of["predicted"] == of["label"]).mean())
                    for part, of in answers.groupby("split")
                }
                epochs = len(self.course)
                metrics.append({**made, **figures, "train_accuracy": train, "epochs": epochs})
            histories.append(self._history())
            predictions.append(answers)
        return collect(
            [{**of, "fingerprint": FINGERPRINT} for of in metrics], histories, predictions
        )

    def _history(self) -> pd.DataFrame:
        columns = ["validation_accuracy", "validation_cross_entropy", "train_accuracy"]
        table = pd.DataFrame(self.course, columns=columns)
        return table.assign(
            epoch=range(1, len(table) + 1), learning_rate=self.rates, seconds=60 / len(table)
        )

    @staticmethod
    def _hardest(index: pd.DataFrame) -> pd.DataFrame:
        """Evaluation keeps the train images with the highest loss: all are sure of another."""
        images = index.loc[index["split"] == "train", ["filename", "split", "label"]].head(30)
        other = [CLASSES[(CLASSES.index(label) + 1) % 3] for label in images["label"]]
        return images.assign(
            predicted=other,
            confidence=np.float32(0.99),
            label_probability=np.float32(0.005),
            probabilities=None,
        )

    @staticmethod
    def _answers(
        index: pd.DataFrame, wanted: Mapping[str, float], seed: tuple[int, int]
    ) -> pd.DataFrame:
        """Hard images are hard for all; which of them are just recognized differs by seed."""
        tables = []
        for part, accuracy in wanted.items():
            images = index[index["split"] == part]
            hardness = np.random.default_rng(2).permutation(len(images)) / max(1, len(images))
            luck = np.random.default_rng(seed).normal(0, 0.05, len(images))
            place = np.argsort(np.argsort(hardness + luck))
            right = place < round(accuracy * len(images))
            wrong = [CLASSES[(CLASSES.index(label) + 1) % 3] for label in images["label"]]
            tables.append(
                pd.DataFrame(
                    {
                        **{name: images[name].to_numpy() for name in ("filename", "split")},
                        "label": images["label"].to_numpy(),
                        "predicted": np.where(right, images["label"], wrong),
                        "confidence": np.where(right, 0.95, 0.6).astype(np.float32),
                        "label_probability": np.where(right, 0.95, 0.3).astype(np.float32),
                    }
                )
            )
        columns = ["filename", "split", "label", "predicted", "confidence", "label_probability"]
        table = pd.concat(tables) if tables else pd.DataFrame(columns=columns)
        return table.assign(probabilities=None)
