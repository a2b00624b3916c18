"""What to do after a study: a command and its price, by what the study has found."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from regbench.comparison.compare import STALE, UNTRAINED
from regbench.comparison.verdicts import UNDECIDED
from regbench.doctor.commands import longer_epochs, of_what_is_trained, with_params
from regbench.doctor.deciding import deciding, minutes_up_to
from regbench.report.numbers import number_in
from regbench.report.outcome import Found, Outcome, Row, seeds_of_a_verdict
from regbench.report.undecided import duration
from regbench.study.arms import Arm

_LONGER = 3  # times as many epochs for a network that has not learned
AND_THEN = "if it learns, run the whole study with as many epochs"
_OTHER_KIND = {"mlp": "cnn", "cnn": "resnet"}  # the kind of network to try after another


@dataclass(frozen=True)
class NextStep:
    """What to do next: a few words, a command to paste, and a remark."""

    what: str
    command: str = ""
    remark: str = ""  # its price in time where that is known


def next_step(
    comparison: pd.DataFrame,
    outcome: Outcome,
    command: str,
    settings: Mapping[str, Any],
    seed: int | None = None,
) -> NextStep:
    """Return what to do next.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        outcome: Of the comparison.
        command: The study's command: ``kedro run`` with its environment and parameters.
        settings: The study's settings, plain values.
        seed: That of the best network on validation of the technique that helps, if it is known.
    """
    unfinished = _unfinished(comparison, outcome, command)
    if unfinished:
        return unfinished
    match outcome.found:
        case Found.UNLEARNED:
            return _train_longer(comparison, outcome, command, settings)
        case Found.DESCRIPTIVE:
            return _more_seeds(comparison, command, seeds_of_a_verdict(comparison))
        case Found.OPEN:
            return _decide(comparison, outcome, command, settings)
        case Found.HELP:
            return _use(comparison, str((outcome.lead or {})["technique"]), command, settings, seed)
        case _:
            return _another_network(command, settings)


def _unfinished(comparison: pd.DataFrame, outcome: Outcome, command: str) -> NextStep | None:
    """Return the step that trains what is stale or missing, if anything that was begun is."""
    if outcome.found is Found.NOTHING and set(comparison["status"]) <= {UNTRAINED}:
        return NextStep("Train", command)
    missing = comparison.get("missing_trainings", pd.Series(0, comparison.index))
    begun = (comparison["trainings"] > 0) & (missing > 0)
    stale = comparison.get("status", pd.Series("", comparison.index)) == STALE
    if (begun | stale).any():
        missing_alone = [*of_what_is_trained(comparison), "--only-missing-outputs"]
        trains = " ".join([command, *missing_alone])
        if stale.any():
            return NextStep("Train what is stale or missing", trains)
        number = int(missing[begun].sum())
        what = f"Train the {number} missing trainings" if number > 1 else "Train the missing one"
        return NextStep(what, trains, _price_of_missing(comparison[begun], comparison))
    if outcome.found is Found.NO_BASELINE:
        return NextStep("Train the baseline", f"{command} --pipelines=baseline,reporting")
    if outcome.found is Found.BASELINE_ALONE:
        return NextStep("Train the techniques", f"{command} --only-missing-outputs")
    return None


def _use(
    comparison: pd.DataFrame,
    technique: str,
    command: str,
    settings: Mapping[str, Any],
    seed: int | None,
) -> NextStep:
    """Return the step that uses the network that is best on validation, of those that help."""
    changed, arm = {"prediction.technique": technique}, Arm(technique)
    if comparison.attrs.get("networks", 1) > 1:
        arm = Arm(technique, settings["protocol"]["network"])
        changed["prediction.network"] = arm.network
    file = f"seed_{'<n>' if seed is None else seed}.keras"
    folder = settings.get("ingest", {}).get("unlabeled_folder", "auto")
    folder = "unlabeled" if folder == "auto" else folder
    return NextStep(
        f"To label new images, put them into the folder {folder} of {_your_set(settings)} and run",
        with_params(command, changed, "--pipelines=prediction"),
        "takes seconds; of its networks, one a seed, the best on validation answers: "
        f"{settings.get('data_root', 'data')}/06_models/{arm.folder}/{file} (Keras loads it, too)",
    )


def _your_set(settings: Mapping[str, Any]) -> str:
    """Return how a person knows the images: by the name of a file, such as a ZIP, or as a set."""
    name = PurePosixPath(str(settings.get("images", ""))).name
    return name if PurePosixPath(name).suffix else "your set"


def _train_longer(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return the step that trains the baseline alone, once, for more epochs, to another folder."""
    epochs = settings.get("protocol", {}).get("epochs")
    if not epochs:
        return NextStep("Train the baseline longer, or at another learning rate")
    root = settings.get("data_root", "data")
    longer = longer_epochs(int(epochs), _LONGER)
    changed = {
        "protocol.epochs": longer,
        "protocol.seeds": 1,
        "data_root": f"{root}/longer",
    }
    row = outcome.baseline or {}
    seconds = number_in(row, "seconds")
    time = "" if seconds is None else f"about {duration(seconds * longer / int(epochs))}"
    return NextStep(
        f"Train the baseline longer: {longer} epochs instead of {epochs}",
        with_params(command, changed, "--pipelines=baseline,reporting"),
        "; ".join(filter(None, [time, AND_THEN])),
    )


def _more_seeds(comparison: pd.DataFrame, command: str, seeds: int) -> NextStep:
    """Return the step that trains as many seeds as a verdict takes."""
    return NextStep(
        f"Train {seeds} seeds, for a verdict",
        with_params(
            command,
            {"protocol.seeds": seeds},
            *of_what_is_trained(comparison),
            "--only-missing-outputs",
        ),
        _price(comparison.to_dict("records"), seeds, comparison),
    )


def _decide(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return the step that decides the most promising technique that some more seeds decide."""
    found = deciding(
        outcome.of_verdict(UNDECIDED),
        outcome.baseline or {},
        settings.get("protocol", {}).get("looks") or [],
        int(comparison.attrs.get("side_by_side", 1)),
    )
    if found is None:
        return _another_network(command, settings)
    seeds = f"{found.further} more seed{'s' if found.further != 1 else ''}"
    trained = f"for the baseline, {found.technique}"
    if found.others:
        trained += f" and {found.others} other undecided"
    time = "" if found.minutes is None else f"{_about(found.minutes, comparison)}, "
    return NextStep(
        f"Train {seeds}, {found.looks[-1]} in all, to decide on {found.technique}",
        with_params(
            command, found.changed, *of_what_is_trained(comparison), "--only-missing-outputs"
        ),
        f"{time}{trained}",
    )


def _price(rows: list[Row], seeds: int, comparison: pd.DataFrame) -> str:
    """Return how long it takes to train techniques up to a number of seeds; '' if not known."""
    minutes = minutes_up_to(seeds, rows, int(comparison.attrs.get("side_by_side", 1)))
    return "" if minutes is None else _about(minutes, comparison)


def _price_of_missing(begun: pd.DataFrame, comparison: pd.DataFrame) -> str:
    """Return how long the missing trainings of techniques take; '' if nothing was timed."""
    if "seconds" not in begun or begun["seconds"].isna().any():
        return ""
    seconds = float((begun["missing_trainings"] * begun["seconds"]).sum())
    return _about(seconds / 60 / int(comparison.attrs.get("side_by_side", 1)), comparison)


def _about(minutes: float, comparison: pd.DataFrame) -> str:
    """Return a time, and how many train at once: 'about 4 minutes with 2 trainings at once'."""
    at_once = int(comparison.attrs.get("side_by_side", 1))
    said = f"about {duration(60 * minutes)}"
    return f"{said} with {at_once} trainings at once" if at_once > 1 else said


def _another_network(command: str, settings: Mapping[str, Any]) -> NextStep:
    """Return the step that trains another kind of network, to another folder."""
    networks = settings.get("networks", {})
    kind = networks.get(settings.get("protocol", {}).get("network"), {}).get("kind")
    other = [name for name, of in networks.items() if of.get("kind") == _OTHER_KIND.get(kind)]
    if not other:
        return NextStep("Keep the baseline: to get better, add images or change the network")
    changed = {
        "protocol.network": other[0],
        "data_root": f"{settings.get('data_root', 'data')}/{other[0]}",
    }
    return NextStep(
        "Keep the baseline; another network may gain more than regularization",
        with_params(command, changed),
    )
