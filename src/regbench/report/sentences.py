"""The verdict on a study, and its split, in a sentence each."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.compare import UNTRAINED, headline_of, metric_of
from regbench.comparison.scope import variance_ratio_of
from regbench.comparison.statistics import LEVEL, MIN_SEEDS, standard_error
from regbench.comparison.verdicts import BETTER, EQUIVALENT, JUDGED, UNDECIDED, WORSE
from regbench.evaluation.split_parts import SPLIT_PARTS, judged_part
from regbench.metrics.base import Metric
from regbench.metrics.registry import metric_named
from regbench.networks.base import Network
from regbench.networks.registry import NETWORKS
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.numbers import difference_text, listed, metric_value, percent, signed
from regbench.study.schema import BASELINE

AFFORDABLE_LOSS = 0.005  # accuracy, a share of 1: weights 'can be removed' if pruning costs no more
_MOSTLY_ZERO = 0.5  # the share of near-zero weights from which a sentence names it
_ROUNDING = 1e-9  # by so much a mean may lie above a figure that all seeds have
_NAMED = 3  # techniques named in a list; the rest is counted


def verdict_sentence(comparison: pd.DataFrame, pruning: pd.DataFrame | None = None) -> str:
    """Return the verdict on all techniques in one sentence.

    Where no technique, or not the baseline, beats always answering the largest class, a sentence
    before it says so. It names the techniques that are better, with their differences, and counts
    or names those that are worse, equivalent or undecided. Without enough seeds for a verdict it
    describes; without a trained baseline it says what is missing.

    Args:
        comparison: From ``compare``.
        pruning: From ``pruning_curves``. With it, the sentence says which techniques' weights
            can be set to zero at a loss of at most ``AFFORDABLE_LOSS``, if more than the
            baseline's.
    """
    remark = largest_class_sentence(comparison)
    return f"{remark} {_verdict_sentence(comparison, pruning)}".strip()


def largest_class_sentence(comparison: pd.DataFrame) -> str:
    """Return which techniques do not beat always answering the largest class, or ''.

    All techniques are named as one, the baseline by name; others are left to the table. With at
    least ``MIN_SEEDS`` seeds a technique beats it if the 95 % t interval of its mean does, with
    fewer if its mean does.

    Args:
        comparison: From ``compare``.
    """
    headline, metric = headline_of(comparison), metric_of(comparison)
    if "largest_class" not in comparison or headline not in comparison:
        return ""
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    beaten = {row["technique"]: _beats_largest_class(row, headline, metric) for row in trained}
    line = f"always answering the largest class ({_figure_name(comparison)} "
    line += f"{metric_value(comparison['largest_class'].iloc[0], metric)})"
    if trained and not any(beaten.values()):
        return f"No technique is shown to beat {line}."
    if not beaten.get(BASELINE, True):
        return f"The baseline is not shown to beat {line}."
    return ""


def _beats_largest_class(row: Mapping[Any, Any], headline: str, metric: Metric) -> bool:
    from scipy.special import stdtrit  # noqa: PLC0415 - slow to import

    above = metric.gain(row[headline] - row["largest_class"])
    seeds, spread = row["trainings"] - row["failed_trainings"], row.get(f"{headline}_sd")
    if seeds >= MIN_SEEDS and pd.notna(spread):
        error = standard_error(spread, seeds, variance_ratio_of(row))
        above -= float(stdtrit(seeds - 1, 1 - LEVEL / 2)) * error
    return bool(above > _ROUNDING)


def _figure_name(comparison: pd.DataFrame) -> str:
    """Return the headline in words, such as 'test accuracy'."""
    return f"{judged_part(comparison)} {metric_of(comparison).title}"


def _verdict_sentence(comparison: pd.DataFrame, pruning: pd.DataFrame | None) -> str:
    headline, metric = headline_of(comparison), metric_of(comparison)
    figure = _figure_name(comparison)
    if headline not in comparison or comparison[headline].isna().all():
        found = dict.fromkeys(comparison["status"])
        if set(found) <= {UNTRAINED}:
            return "Nothing is trained yet, so there is nothing to compare."
        return f"Nothing can be compared: the techniques are {listed(list(found))}."
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    names = [row["technique"] for row in trained]
    best = max((row[headline] for row in trained), key=metric.gain)
    leaders = listed([row["technique"] for row in trained if row[headline] == best])
    if BASELINE not in names:
        return (
            f"No verdict: the baseline has no results to compare with; the {metric.best_word} "
            f"{figure} is that of {leaders}, {metric_value(best, metric)}."
        )
    rows = [row for row in trained if pd.notna(row.get("difference"))]
    if not rows:
        baseline = trained[names.index(BASELINE)][headline]
        return (
            f"The baseline's {figure} is {metric_value(baseline, metric)}; no technique has "
            "results to compare with it."
        )
    rows.sort(key=lambda row: -metric.gain(row["difference"]))
    gains, shared_gain = _size_gains(comparison, pruning)
    judged = [row for row in rows if row.get("verdict") in JUDGED]
    if not judged:
        baseline = trained[names.index(BASELINE)][headline]
        return f"{'; '.join([*_descriptive_clauses(rows, gains, figure, baseline), *shared_gain])}."
    clauses = _better_clauses(judged, gains)
    for verdict, words in (
        (UNDECIDED, "no detectable difference"),
        (EQUIVALENT, "practically equal to the baseline"),
    ):
        of_verdict = [row for row in judged if row["verdict"] == verdict]
        clauses += [
            f"{row['technique']}: {words}, but {gains[row['technique']]}"
            for row in of_verdict
            if row["technique"] in gains
        ]
        rest = [row for row in of_verdict if row["technique"] not in gains]
        if rest and (verdict == EQUIVALENT or any(r["verdict"] == BETTER for r in judged)):
            clauses.append(f"{words}: {_names(rest)}")
    worse = [row for row in judged if row["verdict"] == WORSE]
    if len(worse) < len(judged):
        clauses += [
            f"{row['technique']} {_points(row)}, worse, but {gains[row['technique']]}"
            for row in worse
            if row["technique"] in gains
        ]
        rest = [row for row in worse if row["technique"] not in gains]
        clauses += [f"worse: {_names(rest)}"] if rest else []
    if len(judged) < len(rows):
        clauses.append(f"too few seeds to judge {_names([r for r in rows if r not in judged])}")
    return f"{'; '.join([*clauses, *shared_gain])}."


def _better_clauses(judged: list[dict[Any, Any]], gains: Mapping[str, str]) -> list[str]:
    """Return the clauses on techniques better than the baseline, or that there are none."""
    better = [row for row in judged if row["verdict"] == BETTER]
    if better:
        clauses = [
            f"{row['technique']} {_points(row)}, real{_failure_remark(row)}"
            f"{_appended(gains.get(row['technique']))}"
            for row in better[:_NAMED]
        ]
        more = len(better) - _NAMED
        return [*clauses, f"{more} more better than the baseline"] if more > 0 else clauses
    if all(row["verdict"] == WORSE for row in judged):
        differences = [f"{row['technique']} {_points(row)}" for row in judged]
        return [f"Every technique is worse than the baseline: {listed(differences, _NAMED)}"]
    clause = "No technique is shown to be better than the baseline"
    names, figures = _highest(judged)
    metric = metric_named(judged[0].get("metric"))
    if judged[0]["verdict"] == UNDECIDED and metric.gain(judged[0]["difference"]) > 0:
        clause += f" (the {metric.best_word}, {names}, {figures}, {_verb(names)} undecided)"
    return [clause]


def _descriptive_clauses(
    rows: list[dict[Any, Any]], gains: Mapping[str, str], figure: str, baseline: float
) -> list[str]:
    """Return the clauses for a study with too few seeds for a verdict."""
    seeds = int(max(row["trainings"] - row["failed_trainings"] for row in rows))
    clause = (
        f"A description, not a verdict: {seeds} seed{'s' if seeds > 1 else ''}, "
        f"and a verdict takes {MIN_SEEDS}; "
    )
    metric = metric_named(rows[0].get("metric"))
    if metric.gain(rows[0]["difference"]) > 0:
        names, figures = _highest(rows)
        clause += f"the {metric.best_word} {figure} is that of {names}, {figures} on the baseline"
    else:
        value = metric_value(baseline, metric)
        clause += f"the baseline's {figure}, {value}, is the {metric.best_word}"
    return [clause, *(f"{name}: {gain}" for name, gain in gains.items())]


def _size_gains(
    comparison: pd.DataFrame, pruning: pd.DataFrame | None
) -> tuple[dict[str, str], list[str]]:
    """Return how many weights can go, in words: by technique, and a clause on several at once.

    Only the techniques with the largest share are included, and only if it is larger than the
    baseline's. Several that can lose the same share are one clause, or the sentence would say the
    same of each. Without pruning curves it is the share of near-zero weights.
    """
    if pruning is not None and BASELINE in pruning.index:
        can_go = {str(name): _removable(curve) for name, curve in pruning.iterrows()}
        most = max(share for share, _ in can_go.values())
        baselines, _ = can_go[BASELINE]
        changes = {name: change for name, (share, change) in can_go.items() if share == most}
        if most == baselines:
            return {}, []
        end = f"of the baseline's only {percent(baselines, 0)}"
        if len(changes) > 1:
            low, high = signed(min(changes.values())), signed(max(changes.values()))
            return {}, [
                f"{percent(most, 0)} of the weights of {listed(list(changes), _NAMED)} can be "
                f"removed, which changes accuracy by {low if low == high else f'{low} to {high}'} "
                f"points, {end}"
            ]
        return {
            name: f"{percent(most, 0)} of its weights can be removed, which changes its accuracy "
            f"by {signed(change)} points, {end}"
            for name, change in changes.items()
        }, []
    if "near_zero_share" not in comparison:
        return {}, []
    shares = dict(zip(comparison["technique"], comparison["near_zero_share"], strict=True))
    most = max(shares.values(), key=lambda share: -1 if pd.isna(share) else share)
    return {
        name: f"{percent(share, 0)} of its weights are nearly zero"
        for name, share in shares.items()
        if share == most > max(shares.get(BASELINE, 0), _MOSTLY_ZERO)
    }, []


def _removable(curve: pd.Series) -> tuple[float, float]:
    """Return the largest share pruned at an affordable loss, and its accuracy change in points."""
    shares, accuracies = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    affordable = np.logical_and.accumulate(accuracies >= accuracies[0] - AFFORDABLE_LOSS)
    last = max(int(affordable.sum()) - 1, 0)
    return float(shares[last]), float(100 * (accuracies[last] - accuracies[0]))


def _failure_remark(row: Mapping[Any, Any]) -> str:
    """Return a remark if trainings failed: the difference leaves out the worst ones; else ''."""
    if not row.get("failed_trainings"):
        return ""
    failed = f"{row['failed_trainings']} of {row['trainings']}"
    return f" among the trainings that did not fail ({failed} did)"


def _highest(rows: list[dict[Any, Any]]) -> tuple[str, str]:
    """Return names and difference of the first row and of those that round to the same."""
    first = rows[0]
    if len(same := [row for row in rows if _points(row) == _points(first)]) == 1:
        return str(first["technique"]), _points(first)
    return listed([row["technique"] for row in same]), f"{_points(first)} each"


def _points(row: Mapping[Any, Any]) -> str:
    """Return a row's difference and interval: '+1.60 points [1.20, 2.00]', or in nats."""
    difference, *interval = difference_text(row).split(" ", 1)
    return " ".join([difference, metric_named(row.get("metric")).short_unit, *interval])


def _appended(gain: str | None) -> str:
    """Return a clause to append, or ''."""
    return f", and {gain}" if gain else ""


def _verb(names: str) -> str:
    """Return 'are' for several names, else 'is'."""
    return "are" if " and " in names else "is"


def _names(rows: list[dict[Any, Any]]) -> str:
    """Return the techniques of rows as a list; beyond ``_NAMED`` they are counted."""
    return listed([row["technique"] for row in rows], _NAMED)


def training_text(settings: Mapping[str, Any]) -> str:
    """Return how the networks were trained: optimizer, rate, schedule, batches, epochs.

    A second sentence names the techniques that may end a training before the rate has fallen.

    Args:
        settings: The study's settings, plain values; the text is empty without ``protocol``.
    """
    protocol = settings.get("protocol", {})
    if "optimizer" not in protocol or "schedule" not in protocol:
        return ""
    optimizer = OPTIMIZERS[protocol["optimizer"]["name"]].title
    schedule = SCHEDULES[protocol["schedule"]["name"]]
    precision = protocol.get("precision", "float32")
    precision = "" if precision == "float32" else f" in {precision}"
    batches = f"batches of {protocol['batch_size']}{precision}"
    if _has_phases(settings):
        text = f"{optimizer}, {schedule.title} in every phase of the network; {batches}."
    else:
        text = (
            f"{optimizer}, learning rate {protocol['optimizer']['learning_rate']:g}, "
            f"{schedule.title}; {batches}, {protocol['epochs']} "
            f"epoch{'s' if protocol['epochs'] != 1 else ''}."
        )
    techniques: Mapping[str, Mapping[str, Any]] = settings.get("techniques", {})
    stopping = [
        name
        for name, entries in techniques.items()
        if any(entries.get(key) and kind.does("stop") for key, kind in REGULARIZERS.items())
    ]
    if stopping and schedule.falls_to_the_end:
        text += (
            f" {listed(stopping, _NAMED)} may end before the rate has fallen, and then "
            f"lack{'s' if len(stopping) == 1 else ''} what the fall gives the others; with "
            "protocol.schedule.name=plateau the rate falls when validation stalls."
        )
    return text


def _has_phases(settings: Mapping[str, Any]) -> bool:
    """Return whether the network's kind has phases, with epochs and learning rates of its own."""
    entry = settings.get("networks", {}).get(settings["protocol"].get("network"), {})
    kind = NETWORKS.get(entry.get("kind", ""))
    return kind is not None and kind.phases is not Network.phases


def split_text(split: Mapping[str, Any] | None, split_index: pd.DataFrame | None = None) -> str:
    """Return how the images were split into train, validation and test, in one sentence.

    Args:
        split: The settings ``protocol.split``; the sentence is empty without them.
        split_index: A row per image: split and, where the set gives a split, ``given_split``.
    """
    if split is None:
        return ""
    method = split["method"]
    is_given = split_index is not None and "given_split" in split_index
    if method == "auto":
        method = "given" if is_given else "stratified"
    kept = ""
    if split.get("group_column"):
        kept = f"; images of one {split['group_column']} are in one part"
    elif split.get("group_pattern"):
        kept = (
            f"; images with the same {split['group_pattern']} in their file names are in one part"
        )
    if split.get("resample") or split.get("folds"):
        return f"{_resampled_split_text(split, split_index, method)}{kept}."
    if method == "given" and split_index is not None and is_given:
        return _given_split_text(split, split_index, kept)
    shares = {part: split[part] for part in SPLIT_PARTS if split[part]}
    sizes = listed([f"{100 * share:g} % {part}" for part, share in shares.items()])
    how = {
        "stratified": f"shuffled with seed {split['seed']}, the same shares of every class",
        "sequential": "in the order of the label file, without shuffling",
        "hashed": "each image by a keyed hash of its pixels (key: seed "
        f"{split['seed']}), so that it keeps its part when images are added, and equal images "
        "are in one part; the parts’ sizes and the classes’ shares in them come out by chance",
    }
    if method == "hashed" and kept:
        how["hashed"] = how["hashed"].replace("its pixels", "its group")
        how["hashed"] = how["hashed"].replace(", and equal images are in one part", "")
    return f"{sizes}: {how[method]}{kept}."


def _resampled_split_text(
    split: Mapping[str, Any], split_index: pd.DataFrame | None, method: str
) -> str:
    """Return the sentence on splits of which every seed has its own, without the end."""
    said, fixed = "", False
    if split_index is not None:
        sizes = split_index["split"].value_counts()
        parts = [f"{sizes[part]:,} {part}" for part in SPLIT_PARTS if part in sizes]
        said = f"{listed(parts)}: "
        is_given = method == "given" and "given_split" in split_index
        fixed = is_given and bool((split_index["given_split"] == "test").any())
    if split.get("folds"):
        judged = "test" if split["test"] else "validation"
        said += (
            f"every seed has its own split, in which {judged} is one of {split['folds']} folds; "
            f"after {split['folds']} seeds the images are cut into folds anew"
        )
    else:
        said += "drawn anew for every seed"
    if fixed:
        said += ", but for the test images, which are those that the set gives"
    how = "by a hash of each image" if method == "hashed" else "the same shares of every class"
    return f"{said}; the same for all techniques, {how} (seed {split['seed']})"


def _given_split_text(split: Mapping[str, Any], split_index: pd.DataFrame, kept: str) -> str:
    """Return the sentence on a split that the set gives, and on parts taken from its train part."""
    sizes = split_index["split"].value_counts()
    parts = [part for part in SPLIT_PARTS if part in sizes]
    taken = [part for part in parts if part not in set(split_index["given_split"])]
    said = listed([f"{sizes[part]:,} {part}" for part in parts]) + ": as the set gives it"
    if not taken:
        return f"{said}."
    shuffled = f"shuffled with seed {split['seed']}, the same shares of every class"
    return f"{said}; {listed(taken)} taken from its train part, {shuffled}{kept}."
