"""What to do after a study: a command and its price, by what the study has found."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from regbench.comparison.compare import STALE, UNTRAINED
from regbench.comparison.verdicts import UNDECIDED
from regbench.doctor.commands import (
    OTHER_KIND,
    longer_epochs,
    of_what_is_trained,
    trial_folder,
    with_params,
)
from regbench.doctor.deciding import deciding, minutes_up_to
from regbench.report.numbers import listed, number_in
from regbench.report.outcome import Found, Outcome, Row, seeds_of_a_verdict
from regbench.report.undecided import duration
from regbench.study.arms import Arm
from regbench.study.schema import Protocol
from regbench.use.refit import fitted_on_validation

_LONGER = 3  # times as many epochs for a network that has not learned
AND_THEN = "run the whole study with as many epochs"


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
    images: Mapping[str, int] = MappingProxyType({}),
) -> NextStep:
    """Return what to do next.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        outcome: Of the comparison.
        command: The study's command: ``kedro run`` with its environment and parameters.
        settings: The study's settings, plain values.
        seed: That of the best network on validation of the technique that helps, if it is known.
        images: How many each split part has; for the time of a refit.
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
            return _use(comparison, outcome.lead or {}, command, settings, (seed, images))
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
        what = f"Run the {number} missing trainings" if number > 1 else "Run the missing training"
        what += ", for a verdict"
        return NextStep(what, trains, _price_of_missing(comparison[begun], comparison))
    if outcome.found is Found.NO_BASELINE:
        return NextStep("Train the baseline", f"{command} --pipelines=baseline,reporting")
    if outcome.found is Found.BASELINE_ALONE:
        return NextStep("Train the techniques", f"{command} --only-missing-outputs")
    return None


def _use(
    comparison: pd.DataFrame,
    lead: Row,
    command: str,
    settings: Mapping[str, Any],
    known: tuple[int | None, Mapping[str, int]],
) -> NextStep:
    """Return the step that makes a network for use: a refit, or an export where there can be none.

    Args:
        comparison: From ``compare``, of one network.
        lead: The row of the technique that helps.
        command: The study's.
        settings: The study's.
        known: The seed of its best network on validation, None if it is not known; and how many
            images each split part has.
    """
    seed, images = known
    arm, refit = Arm(str(lead["technique"])), settings.get("refit", {})
    if comparison.attrs.get("networks", 1) > 1:
        arm = Arm(arm.technique, settings["protocol"]["network"])
    root = settings.get("data_root", "data")
    file = f"{root}/06_models/{arm.folder}/seed_{'<n>' if seed is None else seed}.keras"
    parts = refit.get("parts", ["train", "validation"])
    if not _can_be_refitted(arm.technique, parts, settings):
        changed = _naming("prediction", arm)
        export = with_params(command, changed, "--pipelines=export")
        return NextStep("Export it for other programs", export, f"takes seconds; in Keras: {file}")
    time = _price_of_refit(lead, len(refit.get("seeds", ())), parts, images, comparison)
    network = f"{root}/06_models/refit/network.keras"
    averages = " averages their probabilities" if len(refit.get("seeds", ())) > 1 else ""
    made = f"{network}{averages}; the study's best on validation is {file}"
    return NextStep(
        f"Train {arm.technique} on {listed(parts)} images together, for use",
        with_params(command, _naming("refit", arm), "--pipelines=refit"),
        "; ".join(filter(None, [time, made])),
    )


def _naming(pipeline: str, arm: Arm) -> dict[str, Any]:
    """Return the parameters by which a pipeline takes a technique, on one network of several."""
    network = {f"{pipeline}.network": arm.network} if arm.network else {}
    return {f"{pipeline}.technique": arm.technique, **network}


def _can_be_refitted(technique: str, parts: Sequence[str], settings: Mapping[str, Any]) -> bool:
    """Return whether nothing of a technique follows the images that a refit would train on."""
    if "validation" not in parts or technique not in settings.get("techniques", {}):
        return True
    protocol = Protocol.model_validate(settings["protocol"])
    return not fitted_on_validation(settings["techniques"][technique], protocol)


def _price_of_refit(
    lead: Row,
    seeds: int,
    parts: Sequence[str],
    images: Mapping[str, int],
    comparison: pd.DataFrame,
) -> str:
    """Return how long a refit takes, if an image takes as long as in the study; '' if not known."""
    seconds = number_in(lead, "seconds")
    if seconds is None or not seeds or not images.get("train"):
        return ""
    more_images = sum(images.get(part, 0) for part in parts) / images["train"]
    at_once = int(comparison.attrs.get("side_by_side", 1))
    duration_of_all = duration(seconds * more_images * math.ceil(seeds / at_once))
    number = f"{seeds} trainings" if seeds > 1 else "1 training"
    return f"{number}, of about {duration_of_all} in all"


def _train_longer(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return the step that trains the baseline alone, once, for more epochs, to another folder."""
    epochs = settings.get("protocol", {}).get("epochs")
    if not epochs:
        return NextStep("Train the baseline longer, or at another learning rate")
    longer = longer_epochs(int(epochs), _LONGER)
    changed = {
        "protocol.epochs": longer,
        "protocol.seeds": 1,
        "data_root": trial_folder(settings.get("data_root", "data")),
    }
    row = outcome.baseline or {}
    seconds = number_in(row, "seconds")
    time = "" if seconds is None else f"about {duration(seconds * longer / int(epochs))}"
    return NextStep(
        f"Train the baseline longer: {longer} epochs instead of {epochs}",
        with_params(command, changed, "--pipelines=baseline,reporting"),
        "; ".join(filter(None, [time, f"if it has learned then, {AND_THEN}"])),
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
    trained += "; corrected for judging twice"
    return NextStep(
        f"Train {seeds}, {found.looks[-1]} in all, probably enough to decide on {found.technique}",
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
    other = [name for name, of in networks.items() if of.get("kind") == OTHER_KIND.get(kind)]
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
