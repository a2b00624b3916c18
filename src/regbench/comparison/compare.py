"""The comparison: every technique against the baseline, paired by seed."""

from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import statistics
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.results import FAILED, TRAINED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.study.fingerprints import changed_components
from regbench.study.schema import BASELINE

DIED = "its task ended without results"  # of a technique that a scheduler saw fail
UNTRAINED, STALE = "not trained", "stale"  # a technique's status, beside those of trainings


def set_aside_stale(
    results: Mapping[str, Results], current: Mapping[str, Mapping[str, str]], seeds: Sequence[int]
) -> tuple[dict[str, Results], dict[str, str]]:
    """Tell the trainings of the study at hand from those made under other circumstances.

    Args:
        results: Each technique's, as they were stored.
        current: Each technique's fingerprint now.
        seeds: Those of the study; trainings with other seeds are left out without a word.

    Returns:
        Each technique's trainings that are up to date, and for every technique with stale ones
        what has changed since.
    """
    fresh, stale = {}, {}
    for technique, stored in results.items():
        of_study = stored.of_seeds(seeds)
        why = {
            int(training["seed"]): changed_components(_recorded(training), current[technique])
            for training in of_study.trainings.to_dict("records")
        }
        fresh[technique] = of_study.of_seeds(seed for seed, parts in why.items() if not parts)
        reasons = dict.fromkeys(part for parts in why.values() for part in parts)
        if reasons:
            stale[technique] = f"changed since: {', '.join(reasons)}"
    return fresh, stale


def failures(results: Mapping[str, Results]) -> list[str]:
    """Name every failed training and its reason."""
    return [
        f"{technique} seed {training.seed} ({training.reason})"
        for technique, of_technique in results.items()
        if not of_technique.trainings.empty
        for training in of_technique.trainings[
            of_technique.trainings["status"] == FAILED
        ].itertuples()
    ]


def failure(row: Mapping[Any, Any]) -> str:
    """Say of a failed technique's row in one line how it failed."""
    trainings = (
        f"{row['failed_trainings']} of {row['trainings']} trainings "
        if row["failed_trainings"]
        else ""
    )
    return f"{row['technique']}: {trainings}failed: {' '.join(row['reason'].split())}"


def compare(
    results: Mapping[str, Results],
    stale: Mapping[str, str],
    band: float,
    published: Mapping[str, float] | None = None,
    seeds: int = 0,
    died: Container[str] = (),
) -> pd.DataFrame:
    """Compare all techniques with the baseline.

    Args:
        results: Each technique's trainings that are up to date; empty if there are none.
        stale: Techniques with trainings that are not, and why.
        band: Differences of at most so much are practically none, a share of 1.
        published: Accuracies to set beside ours.
        seeds: How many trainings each technique should have.
        died: Techniques whose task is known to have failed, whatever it has left.

    Returns:
        A row per technique, the best headline figure first, techniques without figures last.
        Columns: technique; status (trained, failed, stale or not trained); trainings,
        failed_trainings and missing_trainings; reason; validation_accuracy and (in a study with a
        test part) test_accuracy with ``_sd``, the standard deviation over seeds (n - 1);
        difference: the headline figure minus the baseline's over the seeds that both have, its
        mean with sd, low and high (95 % paired-t), p_value, p_adjusted (Holm over techniques),
        bootstrap_low and bootstrap_high (over seeds and images), win_share,
        detectable_difference (80 % power) and verdict; further means over seeds;
        published_accuracy. Columns that would be empty are left out.
        Figures are shares of 1; cross-entropies nats; seconds are training's.
    """
    headline = f"{judged_part_of(results)}_accuracy"
    rows = pd.DataFrame(
        [
            _row(technique, trainings, stale.get(technique), seeds, died=technique in died)
            for technique, trainings in results.items()
        ]
    )
    comparison = rows.join(_differences(results, headline, band), on="technique")
    comparison["published_accuracy"] = comparison["technique"].map(dict(published or {}))
    order = comparison.sort_values(
        [headline, "technique"], ascending=[False, True], na_position="last", ignore_index=True
    )
    return order.dropna(axis="columns", how="all")


def with_study_figures(comparison: pd.DataFrame, band: float) -> pd.DataFrame:
    """Add to ``attrs`` what holds for the whole study.

    Returns:
        The comparison with ``band``; and, if something is compared, ``techniques`` (compared with
        the baseline), ``seeds`` (the most that one has) and ``detectable_difference`` (the median
        of the techniques').
    """
    described = comparison.copy()
    described.attrs = {"band": band}
    if "difference" in comparison:
        compared = comparison[comparison["difference"].notna()]
        described.attrs |= {
            "techniques": len(compared),
            "seeds": int((compared["trainings"] - compared["failed_trainings"]).max()),
        }
        if "detectable_difference" in comparison:
            described.attrs["detectable_difference"] = float(
                compared["detectable_difference"].median()
            )
    return described


def judged_part_of(results: Mapping[str, Results]) -> str:
    """The part that finished trainings are judged on."""
    return judged_part([name for of_one in results.values() for name in of_one.trainings.columns])


def best_technique(results: Mapping[str, Results]) -> str | None:
    """The technique with the best mean validation accuracy: validation selects, not test."""
    means = {
        technique: of_technique.by_seed("validation_accuracy").mean()
        for technique, of_technique in results.items()
    }
    trained = {technique: mean for technique, mean in means.items() if pd.notna(mean)}
    return max(trained, key=lambda technique: trained[technique]) if trained else None


def best_seed(results: Results) -> int | None:
    """The seed of the training with the best validation accuracy."""
    figures = results.by_seed("validation_accuracy")
    return None if figures.empty else int(figures.index.to_numpy()[figures.argmax()])


def _row(
    technique: str, results: Results, stale: str | None, seeds: int, *, died: bool
) -> dict[str, Any]:
    status = _status(results.trainings, stale, seeds, died=died)
    row: dict[str, Any] = {"technique": technique, **status}
    for figure in registry.single(Shown.COMPARISON):
        values = results.by_seed(figure.name)
        row[figure.name] = values.mean()
        if figure.spread:
            row[f"{figure.name}_sd"] = values.std()
    return row


def _status(
    trainings: pd.DataFrame, stale: str | None, seeds: int, *, died: bool
) -> dict[str, Any]:
    failed = trainings[trainings["status"] == FAILED] if len(trainings) else trainings
    missing = max(0, seeds - len(trainings))
    cut_off = died and (trainings.empty or missing > 0 or stale is not None)
    reasons = [*failed.get("reason", [])[:1], *([DIED] if cut_off else []), stale]
    if len(failed) or cut_off:
        status = FAILED
    elif stale:
        status = STALE
    else:
        status = TRAINED if len(trainings) else UNTRAINED
    return {
        "status": status,
        "trainings": len(trainings),
        "failed_trainings": len(failed),
        "reason": "; ".join(filter(None, reasons)) or None,
        "missing_trainings": missing,
    }


def _differences(results: Mapping[str, Results], headline: str, band: float) -> pd.DataFrame:
    """The statistics of every technique that shares seeds with the baseline, by technique."""
    part = headline.removesuffix("_accuracy")
    accuracies = {name: of_one.by_seed(headline) for name, of_one in results.items()}
    of_baseline = accuracies.pop(BASELINE, pd.Series(dtype=float))
    differences = {}
    intervals = {}
    for technique, of_technique in accuracies.items():
        # Pairing by seed: only seeds that both have count.
        both = of_technique.index.intersection(of_baseline.index).sort_values()
        if not len(both):
            continue
        answers, reference = (
            _correct_answers(results[name].of_seeds(both), part) for name in (technique, BASELINE)
        )
        differences[technique] = statistics.paired_difference(
            of_technique[both].to_numpy(), of_baseline[both].to_numpy(), band, answers.shape[1]
        )
        intervals[technique] = statistics.bootstrap_interval(answers, reference)
    judged = statistics.judge(differences)
    corrected_for = sum(of.seeds >= statistics.MIN_SEEDS for of in differences.values())
    rows = {
        technique: {
            "difference": difference.mean,
            "difference_sd": difference.sd,
            "difference_low": difference.low,
            "difference_high": difference.high,
            "p_value": difference.p_value,
            "p_adjusted": judged[technique].p_adjusted,
            "bootstrap_low": intervals[technique][0],
            "bootstrap_high": intervals[technique][1],
            "win_share": difference.win_share,
            "detectable_difference": statistics.detectable_difference(
                difference.sd, difference.seeds, corrected_for
            )
            if corrected_for
            else float("nan"),
            "verdict": judged[technique].verdict,
        }
        for technique, difference in differences.items()
    }
    columns = ["difference", "verdict"]  # so that a study without any has them too
    return pd.DataFrame.from_dict(rows, orient="index", columns=None if rows else columns)


def _correct_answers(results: Results, part: str) -> np.ndarray:
    """Which images each training got right: trainings (by seed) x images (by file name), bool."""
    answers = results.predictions[results.predictions["split"] == part]
    correct = answers.assign(correct=answers["predicted"] == answers["label"])
    return correct.pivot(index="seed", columns="filename", values="correct").to_numpy(dtype=bool)


def _recorded(training: Mapping[Any, Any]) -> dict[str, Any]:
    of_training = {str(key): value for key, value in training.items() if "fingerprint_" in str(key)}
    return {key.removeprefix("fingerprint_"): value for key, value in of_training.items()}
