"""The runs of a history: a row each, and what was changed between them."""

from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.verdicts import BETTER
from regbench.evaluation.results import FAILED
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.history.table import (
    RUN_ATTRIBUTES,
    by_arm,
    is_figure,
    records,
    row_of_technique,
)
from regbench.study.arms import on_same_network
from regbench.study.schema import BASELINE, BEST

_ACCURACY = ("accuracy", "accuracy_low", "accuracy_high")
# Fingerprints that a run's techniques share, and the word that the pages have for a change in each.
_CHANGES = {
    "data": "data",
    "split": "split",
    "protocol": "protocol",
    "training": "code",
    "evaluation": "evaluation",
}
_OWN_CHANGE = ("settings", "settings")  # the same for a technique's own settings


def runs_table(history: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run, the earliest first.

    Returns:
        Columns: run, time, run_seconds, versions, alarms, findings, part as in the history;
        training_seconds, the sum over all trainings compared; images and rejected, numbers of
        images; techniques, how many there are; trained, how many have an accuracy; failed, the
        names of those that failed; best, the technique with the best validation accuracy, and its
        accuracy with accuracy_low and accuracy_high; baseline_accuracy, of the same network;
        better, the names of the techniques with that verdict; changes, from ``changes``.
    """
    history = by_arm(history)
    by_run: dict[str, list[dict[str, Any]]] = {}
    for row in records(history):  # in one pass: there may be years of nightly runs
        by_run.setdefault(row["run"], []).append(row)
    changed = changes(history)
    rows = []
    for name, run in by_run.items():
        first = run[0]
        best = row_of_technique(run, BEST)
        reference = on_same_network(best["technique"] if best else BASELINE, BASELINE)
        baseline = row_of_technique(run, reference)
        of_best = {key: (best or {}).get(key) for key in _ACCURACY}
        seconds = [row["seconds"] * (row["trainings"] - row["failed_trainings"]) for row in run]
        rows.append(
            {key: first[key] for key in (*RUN_ATTRIBUTES, "part", "rejected", "findings")}
            | {
                "training_seconds": float(np.nansum(seconds)),
                "images": sum(first[f"images_{part}"] for part in SPLIT_PARTS),
                "techniques": len(run),
                "trained": sum(is_figure(row["accuracy"]) for row in run),
                "failed": ", ".join(row["technique"] for row in run if row["status"] == FAILED),
                "best": best["technique"] if best else None,
                **of_best,
                "baseline_accuracy": baseline["accuracy"] if baseline else None,
                "better": ", ".join(row["technique"] for row in run if row["verdict"] == BETTER),
                "changes": changed[name],
            }
        )
    return pd.DataFrame(rows)


def changes(history: pd.DataFrame, technique: str | None = None) -> dict[str, list[str]]:
    """Return by run what was changed since the run before, such as ``["protocol", "code"]``.

    Args:
        history: The rows of all techniques.
        technique: A technique whose own settings are compared as well; its runs only.
    """
    keys = dict(_CHANGES)
    if technique is not None:
        keys |= [_OWN_CHANGE]
        history = history[history["technique"] == technique]
    elif (history["network"].fillna("") != "").any():  # each network has its own protocol
        own = history["network"].fillna("") + " " + history["protocol"]
        of_run = own.groupby(history["run"]).agg(lambda each: " ".join(sorted(set(each))))
        history = history.assign(protocol=history["run"].map(of_run))
    found: dict[str, list[str]] = {}
    previous: dict[str, Any] | None = None
    for row in records(history.drop_duplicates("run")):
        differing = (keys[key] for key in keys if previous and row[key] != previous[key])
        words = list(dict.fromkeys(differing))
        if "data" in words and "split" in words:
            words.remove("split")  # other images cannot be split alike
        found[row["run"]] = words
        previous = row
    return found
