"""What an experiment tracker such as MLflow stores of a study and of each of its trainings."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import FAILED, Results
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.plots.style import line_styles
from regbench.study import digests, fingerprints
from regbench.study.arms import arm_named
from regbench.study.schema import SHARED
from regbench.study.technique import Technique

_FINGERPRINT = "fingerprint_"  # prefix of the columns of ``Results.trainings`` with digests
_OF_STUDY = ("data", "split", "protocol", "training", "evaluation")  # shared by all techniques
_COLOUR = "mlflow.runColor"  # without it MLflow picks at random: two techniques may look the same
_OFF = "off"


@dataclass(frozen=True)
class TrackedTraining:
    """A training, a technique with a seed, with what MLflow stores of it.

    Attributes:
        technique: Name of the technique.
        seed: Seed of the training.
        failed: Whether the training or its evaluation failed.
        seconds: Wall time of the training.
        parameters: Every setting of the training, as text by name: MLflow's parameters.
        tags: Technique, seed, status and fingerprints by name: MLflow's tags.
        figures: The trained network's figures by name: MLflow's metrics without steps.
        epochs: A row per epoch, column ``epoch`` from 1, and a figure per column.
        identity: Digest of technique, seed and fingerprints (images, split, protocol, code,
            weights): a training with the same identity is logged once.
    """

    technique: str
    seed: int
    failed: bool
    seconds: float
    parameters: Mapping[str, str]
    tags: Mapping[str, str]
    figures: Mapping[str, float]
    epochs: pd.DataFrame
    identity: str


@dataclass(frozen=True)
class TrackedStudy:
    """A study, with what MLflow stores in the parent run.

    Attributes:
        name: Name in MLflow's list of runs.
        fingerprint: Digest of images, split, protocol and code: the same study, the same parent.
        parameters: Every setting that all techniques share, as text by name.
        comparison: From ``compare``, a row per technique; None if nothing was compared.
        note: The comparison in Markdown, shown as the parent's description.
        files: The report and its plots, stored as artifacts.
    """

    name: str
    fingerprint: str
    parameters: Mapping[str, str]
    comparison: pd.DataFrame | None = None
    note: str = ""
    files: Sequence[Path] = field(default=())


def study_fingerprint(of_technique: fingerprints.Fingerprint) -> str:
    """Return a digest of images, split, protocol and code, which all techniques share.

    Args:
        of_technique: The fingerprint of any technique of the study.
    """
    return digests.digest({part: of_technique[part] for part in _OF_STUDY})


def settings_of_network(settings: Mapping[str, Any], network: str) -> dict[str, Any]:
    """Return a study's settings as if it trained this one of its networks alone.

    Args:
        settings: The study's settings, plain values.
        network: Its name; '' in a study of a single one.
    """
    if not network:
        return dict(settings)
    protocol = {**settings["protocol"], "network": network}
    return {**settings, "network": settings["networks"][network], "protocol": protocol}


def shared_parameters(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return every setting that all techniques share, as text by dotted name.

    The names are those of ``kedro run --params``, such as ``protocol.batch_size``.

    Args:
        settings: The study's settings, plain values.
    """
    protocol = {key: value for key, value in settings["protocol"].items() if key != "seeds"}
    return _flat(
        {
            "images": settings["images"],
            "ingest": {key: settings["ingest"][key] for key in ("mode", "size")},
            "normalization": settings["normalization"],
            "protocol": protocol,
            "network": settings["network"],
        }
    )


def technique_parameters(technique: Technique, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of every regularizer, as text by dotted name; ``off`` if it is unused.

    Args:
        technique: The technique; its regularizers are completed by the shared settings they use.
        settings: The study's settings, plain values.
    """
    shared = {key: SHARED[key].model_validate(settings[key]) for key in SHARED}
    values = dict.fromkeys(REGULARIZERS, _OFF) | technique.in_full(shared)
    return _flat({"technique": values})


def tracked_trainings(
    results: Results, technique: Technique, settings: Mapping[str, Any]
) -> Iterator[TrackedTraining]:
    """Yield a technique's trainings as MLflow stores them.

    Args:
        results: The technique's trainings that are up to date.
        technique: The technique's regularizers.
        settings: The study's settings, plain values.
    """
    parameters = shared_parameters(settings) | technique_parameters(technique, settings)
    styles = line_styles(list(settings["techniques"]))
    for training in results.trainings.to_dict("records"):
        name, seed = arm_named(str(training["technique"])).technique, int(training["seed"])
        prints = {
            str(key).removeprefix(_FINGERPRINT): str(value)
            for key, value in training.items()
            if str(key).startswith(_FINGERPRINT)
        }
        trained_on = prints.pop("trained_on", "")
        tags = {"technique": name, "seed": str(seed), "status": str(training["status"])}
        if name in styles:
            tags[_COLOUR] = styles[name]["color"]
        if isinstance(training.get("reason"), str):
            tags["reason"] = training["reason"]
        figures = {
            figure.name: training[figure.name]
            for figure in registry.single(Shown.MLFLOW)
            if figure.name in training
        }
        # MLflow's table of comparison begins with the metric that was logged first.
        first = ("test_accuracy", "validation_accuracy")
        figures = {key: figures[key] for key in first if key in figures} | figures
        of_seed = results.of_seeds([seed])
        figures |= {
            f"{figure.name}/{setting}": value
            for figure in registry.by_setting(Shown.MLFLOW)
            for setting, value in of_seed.by_setting(figure.name).items()
        }
        yield TrackedTraining(
            technique=name,
            seed=seed,
            failed=training["status"] == FAILED,
            seconds=float(training["seconds"]),
            parameters={"technique": name, "seed": str(seed)} | parameters,
            tags=tags
            | {"trained_on": trained_on}
            | {f"fingerprint.{part}": value for part, value in prints.items()},
            figures={key: float(value) for key, value in figures.items() if is_finite(value)},
            epochs=results.epochs[results.epochs["seed"] == seed].drop(columns="seed"),
            identity=digests.digest([name, seed, prints]),
        )


def is_finite(value: Any) -> bool:
    """Return whether a value is a finite number: no text, no NaN, no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return nested settings as text by name, the keys joined by dots."""
    flat: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            parts = value if isinstance(value, list | tuple) else [value]
            flat[prefix + key] = ", ".join(str(part) for part in parts)
    return flat
