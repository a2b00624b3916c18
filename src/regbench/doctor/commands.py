"""The next command of a finding, and the minutes that it takes."""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from regbench.evaluation.results import TRAINED, Results

_PARAMS = "--params="
_BETWEEN = re.compile(r",(?![^\[]*\])")  # a comma, but not within a list
OTHER_KIND = {"mlp": "cnn", "cnn": "resnet"}  # the kind of network to try after another
_TRIAL = "trial"  # a folder below data_root
_LEAST_EPOCHS = 10  # that a network gets that has not learned


def with_params(command: str, changed: Mapping[str, Any], *options: str) -> str:
    """Return a study's command with parameters changed or added.

    Args:
        command: The study's, such as ``uv run kedro run --params=images=set``.
        changed: By keys that dots join; each takes the place of the command's own, and of those in
            the group of its name.
        options: Appended, such as ``--pipelines=baseline``.
    """
    words = shlex.split(command)
    given: dict[str, str] = {}
    for word in words:
        if word.startswith(_PARAMS):
            pairs = _BETWEEN.split(word.removeprefix(_PARAMS))
            given |= dict(pair.partition("=")[::2] for pair in pairs)
    for key in changed:
        given = {of: value for of, value in given.items() if not _overlap(of, key)}
    params = given | {key: str(value) for key, value in changed.items()}
    kept = [word for word in words if not word.startswith(_PARAMS)]
    joined = ",".join(f"{key}={value}" for key, value in params.items())
    return shlex.join([*kept, *([f"{_PARAMS}{joined}"] if joined else []), *options])


def of_what_is_trained(comparison: pd.DataFrame) -> list[str]:
    """Return the option that goes on with the techniques trained so far, and with no others.

    Args:
        comparison: From ``compare``.

    Returns:
        ``--pipelines=`` with them and ``reporting``; nothing where all of the study are trained.
    """
    trained = comparison["trainings"] > 0
    if trained.all() or not trained.any():
        return []
    names = dict.fromkeys(comparison.loc[trained, "technique"].sort_values())
    return [f"--pipelines={','.join([*names, 'reporting'])}"]


def trial_folder(data_root: str) -> str:
    """Return the ``data_root`` of a trial with other settings: the study's own results stay.

    A trial of a trial takes its place.
    """
    return data_root if PurePosixPath(data_root).name == _TRIAL else f"{data_root}/{_TRIAL}"


def longer_epochs(epochs: int, factor: int) -> int:
    """Return a multiple of a number of epochs, at least ten: 3 of 1 would tell nothing."""
    return max(_LEAST_EPOCHS, factor * epochs)


def _overlap(one: str, other: str) -> bool:
    """Return whether two keys are the same, or one is in the group that the other names."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def minutes_of(
    results: Mapping[str, Results],
    side_by_side: int,
    techniques: Iterable[str] | None = None,
    factor: float = 1.0,
    trainings: int | None = None,
) -> float | None:
    """Return the minutes that training techniques again takes, as long as they took so far.

    Args:
        results: By technique.
        side_by_side: How many trainings run at once.
        techniques: Those to train; by default all that have results.
        factor: Of a training's length, such as 2 for twice the epochs.
        trainings: Of each technique; by default as many as there are.

    Returns:
        None if none of them was timed.
    """
    seconds = 0.0
    for technique in results if techniques is None else techniques:
        if technique not in results:
            continue
        durations = results[technique].by_seed("seconds").dropna()
        if len(durations):
            number = len(durations) if trainings is None else trainings
            seconds += float(durations.mean()) * number * factor
    return seconds / max(1, side_by_side) / 60 if seconds else None


def trained_seeds(results: Results) -> list[int]:
    """Return the seeds of the trainings that did not fail."""
    trainings = results.trainings
    if trainings.empty:
        return []
    seeds = trainings.loc[trainings["status"] == TRAINED, "seed"]
    return sorted(int(seed) for seed in seeds)
