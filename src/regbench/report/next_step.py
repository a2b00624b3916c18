"""What to do after a study: a command and its price, by what the study has found."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from regbench.comparison.compare import STALE, UNTRAINED
from regbench.comparison.verdicts import UNDECIDED
from regbench.doctor.commands import with_params
from regbench.report.numbers import number_in
from regbench.report.outcome import Found, Outcome, Row, seeds_of_a_verdict
from regbench.report.undecided import duration, is_futile

_LONGER = 3  # times as many epochs for a network that has not learned
_SEEDS_AGAIN = 100  # more further seeds than this are no next step
_OTHER_KIND = {"mlp": "cnn", "cnn": "resnet"}  # the kind of network to try after another


@dataclass(frozen=True)
class NextStep:
    """What to do next: a few words, a command to paste, and a remark."""

    what: str
    command: str = ""
    remark: str = ""  # its price in time where that is known


def next_step(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return what to do next.

    Args:
        comparison: From ``compare``, of one network, with ``with_study_figures``.
        outcome: Of the comparison.
        command: The study's command: ``kedro run`` with its environment and parameters.
        settings: The study's settings, plain values.
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
            name = (outcome.lead or {})["technique"]
            return NextStep(
                f"Use its networks, in 06_models/{name}",
                with_params(command, {"prediction.technique": str(name)}, "--pipelines=prediction"),
                "this labels the set’s unlabelled images, if it has any",
            )
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
        return NextStep("Train what is stale or missing", f"{command} --only-missing-outputs")
    if outcome.found is Found.NO_BASELINE:
        return NextStep("Train the baseline", f"{command} --pipelines=baseline,reporting")
    if outcome.found is Found.BASELINE_ALONE:
        return NextStep("Train the techniques", f"{command} --only-missing-outputs")
    return None


def _train_longer(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return the step that trains the baseline alone, once, for more epochs, to another folder."""
    epochs = settings.get("protocol", {}).get("epochs")
    if not epochs:
        return NextStep("Train the baseline longer, or at another learning rate")
    root = settings.get("data_root", "data")
    changed = {
        "protocol.epochs": _LONGER * int(epochs),
        "protocol.seeds": 1,
        "data_root": f"{root}/longer",
    }
    row = outcome.baseline or {}
    seconds = number_in(row, "seconds")
    return NextStep(
        "See whether the baseline learns at all if it trains longer",
        with_params(command, changed, "--pipelines=baseline,reporting"),
        "" if seconds is None else f"about {duration(_LONGER * seconds)}",
    )


def _more_seeds(comparison: pd.DataFrame, command: str, seeds: int) -> NextStep:
    """Return the step that trains as many seeds as a verdict takes."""
    return NextStep(
        f"Train {seeds} seeds, for a verdict",
        with_params(command, {"protocol.seeds": seeds}, "--only-missing-outputs"),
        _price(comparison.to_dict("records"), seeds, comparison),
    )


def _decide(
    comparison: pd.DataFrame, outcome: Outcome, command: str, settings: Mapping[str, Any]
) -> NextStep:
    """Return the step that decides the most promising technique that some more seeds decide.

    It adds a look: adding seeds because of what a study has shown is what looks allow for. The
    price is that of all that train on, which are the undecided techniques and the baseline.
    """
    undecided = outcome.of_verdict(UNDECIDED)
    affordable = [row for row in undecided if 0 < row.get("further_seeds", 0) <= _SEEDS_AGAIN]
    row = next(
        (of for of in affordable if not is_futile(of)), affordable[0] if affordable else None
    )
    if row is None:
        return _another_network(command, settings)
    pairs = number_in(row, "pairs")
    now = int(row["trainings"] if pairs is None else pairs)
    total = now + int(row["further_seeds"])
    looks = settings.get("protocol", {}).get("looks") or [now]
    looks = sorted({*looks, total})
    command = with_params(
        command,
        {"protocol.seeds.looks": " ".join(map(str, looks))},
        "--only-missing-outputs",
    )
    on = [of for of in undecided if not is_futile(of) or of is row] + [outcome.baseline or {}]
    return NextStep(
        f"Decide on {row['technique']} with {total} seeds", command, _price(on, total, comparison)
    )


def _price(rows: list[Row], seeds: int, comparison: pd.DataFrame) -> str:
    """Return how long it takes to train techniques up to a number of seeds; '' if not known."""
    times = [
        max(0, seeds - int(row["trainings"])) * float(row["seconds"])
        for row in rows
        if number_in(row, "seconds") is not None
    ]
    side_by_side = int(comparison.attrs.get("side_by_side", 1))
    return f"about {duration(sum(times) / side_by_side)}" if times else ""


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
