"""Making a bundle of a study, and the tables of results that it holds again."""

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from regbench.bundle.contents import ANSWER, FORMAT, Bundle, Contents, Described, Images
from regbench.bundle.public import plain, public_setting, public_text
from regbench.evaluation.resampling import split_of_seed
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.study.code import digest_of_files
from regbench.study.schema import SHARED

_SETTINGS = ("ingest", "normalization", "evaluation", "networks", "protocol", "techniques", *SHARED)
_OF_REPORTING = ("metric", "equivalence_band", "equivalence_band_nats", "published")
_LIBRARIES = ("regbench", "tensorflow", "keras", "numpy", "scipy", "pandas", "pillow")
_CPU = "cpu"


def describe(
    parameters: Mapping[str, Any],
    fingerprints: Mapping[str, Mapping[str, str]],
    classes: list[str],
) -> Described:
    """Return what can be said of this checkout's study before it is trained.

    Args:
        parameters: All settings, as nodes get them.
        fingerprints: The current ones by technique.
        classes: The labels in the order of the networks' outputs.
    """
    settings = {name: parameters[name] for name in _SETTINGS}
    trained = parameters["protocol"]["network"]
    names = [trained] if isinstance(trained, str) else trained
    settings["networks"] = {name: parameters["networks"][name] for name in names}
    settings["reporting"] = {name: parameters["reporting"][name] for name in _OF_REPORTING}
    software = {name: version(name) for name in _LIBRARIES}
    software |= {"python": platform.python_version(), "system": platform.system(), _CPU: _cpu()}
    return Described(
        settings=public_setting(settings),
        software=software,
        source=digest_of_files(),
        classes=list(classes),
        fingerprints={arm: dict(of) for arm, of in fingerprints.items()},
    )


def make_bundle(
    described: Described,
    results: Mapping[str, Results],
    stale: Mapping[str, str],
    comparison: pd.DataFrame,
    split_index: pd.DataFrame,
    failed: list[str],
) -> Bundle:
    """Return the bundle of a study.

    Args:
        described: The study.
        results: Its trainings that are up to date, by technique.
        stale: Why others are not, by technique.
        comparison: Of these.
        split_index: A row per image: filename, label, target, split.
        failed: Techniques that a scheduler saw fail.
    """
    ordered = split_index.iloc[np.argsort(split_index["filename"].to_numpy(), kind="stable")]
    columns = [str(name) for name in ordered if str(name).startswith("split")]
    images = Images(
        labels=ordered["target"].astype(int).tolist(),
        parts={
            name: [SPLIT_PARTS.index(part) for part in ordered[name].astype(str)]
            for name in columns
        },
    )
    number_of = pd.Index(ordered["filename"])
    class_of = pd.Index(described.classes)
    contents = Contents(
        **described.model_dump(),
        format=FORMAT,
        images=images,
        trainings={arm: rows_of(of.trainings) for arm, of in results.items()},
        measurements={arm: rows_of(of.measurements) for arm, of in results.items()},
        stale={arm: public_text(why) for arm, why in stale.items()},
        failed=failed,
        comparison=rows_of(comparison),
    )
    answers = {arm: _answers(of.predictions, number_of, class_of) for arm, of in results.items()}
    return Bundle(contents, answers)


def results_of(bundle: Bundle) -> dict[str, Results]:
    """Return the results that a bundle holds, without epochs; images are named by their number."""
    index = split_index_of(bundle.contents)
    names, labels = index["filename"].to_numpy(), index["label"].to_numpy()
    classes = np.asarray(bundle.contents.classes, dtype=object)
    found = {}
    for arm, rows in bundle.contents.trainings.items():
        answers = bundle.answers[arm]
        predictions = pd.DataFrame(
            {
                "seed": answers["seed"].astype(int),
                "filename": names[answers["image"]],
                "split": _parts_of(answers, index),
                "label": labels[answers["image"]],
                "predicted": classes[answers["predicted"]],
                "label_probability": answers["probability"],
            }
        )
        none = Results.none()
        measurements = bundle.contents.measurements[arm]
        found[arm] = Results(
            pd.DataFrame(rows) if rows else none.trainings,
            none.epochs,
            predictions,
            pd.DataFrame(measurements) if measurements else none.measurements,
        )
    return found


def split_index_of(contents: Contents) -> pd.DataFrame:
    """Return the split index that a bundle holds; images are named by their number."""
    images = contents.images
    targets = np.asarray(images.labels, dtype=int)
    parts = {
        name: np.asarray(SPLIT_PARTS, dtype=object)[np.asarray(of, dtype=int)]
        for name, of in images.parts.items()
    }
    return pd.DataFrame(
        {
            "filename": [f"{number:010d}" for number in range(len(targets))],  # sorted as numbers
            "label": np.asarray(contents.classes, dtype=object)[targets],
            "target": targets,
            **parts,
        }
    )


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows as plain values, without paths."""
    return [
        {str(name): plain(value) for name, value in row.items()}
        for row in table.astype(object).to_dict("records")
    ]


def _answers(predictions: pd.DataFrame, number_of: pd.Index, class_of: pd.Index) -> np.ndarray:
    """Return the answers to validation and test images, as ``ANSWER``, by seed and image."""
    judged = predictions[predictions["split"].astype(str) != "train"]
    answers = np.zeros(len(judged), ANSWER)
    if not len(judged):
        return answers
    answers["seed"] = judged["seed"].to_numpy(dtype=np.uint32)
    answers["image"] = number_of.get_indexer(pd.Index(judged["filename"]))
    answers["predicted"] = class_of.get_indexer(pd.Index(judged["predicted"]))
    answers["probability"] = judged["label_probability"].to_numpy(dtype=np.float32)
    return np.sort(answers, order=["seed", "image"])


def _parts_of(answers: np.ndarray, index: pd.DataFrame) -> np.ndarray:
    """Return the split part of each answer's image, in the split of its seed."""
    parts = np.empty(len(answers), dtype=object)
    for seed in np.unique(answers["seed"]):
        rows = answers["seed"] == seed
        own = split_of_seed(index, int(seed))["split"].to_numpy()
        parts[rows] = own[answers["image"][rows]]
    return parts


def _cpu() -> str:
    """Return the name of this machine's processor, as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []  # no Linux
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()
