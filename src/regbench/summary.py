"""What the results say in short: small tables, and sentences made from them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import UNTRAINED, headline_part, judged_part
from regbench.measures import recall_by_class
from regbench.results import CORRUPTION, PRUNING, TRAINED, Results
from regbench.splitting import PARTS
from regbench.statistics import BETTER, EQUIVALENT, MIN_SEEDS, UNDECIDED, WORSE
from regbench.study import BASELINE

CLEAN = "clean"
AFFORDABLE_LOSS = 0.005  # weights 'can go' if pruning them costs no more accuracy, a share of 1
_MOSTLY_ZERO = 0.5  # the share of near-zero weights worth a word
_VERDICTS = frozenset({BETTER, WORSE, EQUIVALENT, UNDECIDED})
_NAMED = 3  # techniques named one by one in a sentence; the rest is counted


def verdict_sentence(comparison: pd.DataFrame, pruning: pd.DataFrame | None = None) -> str:
    """Say in one sentence which technique helps, by how much, and whether that is real.

    Args:
        comparison: From ``compare``.
        pruning: From ``pruning_curves``. A technique's weights are said to go if its curve
            loses at most ``AFFORDABLE_LOSS``, and only where the baseline's cannot go as well.
    """
    headline = f"{headline_part(comparison)}_accuracy"
    figure = headline.replace("_", " ")
    if headline not in comparison or comparison[headline].isna().all():
        found = dict.fromkeys(comparison["status"])
        if set(found) <= {UNTRAINED}:
            return "Nothing is trained yet, so there is nothing to compare."
        return f"Nothing can be compared: the techniques are {listed(list(found))}."
    trained = comparison.dropna(subset=[headline]).to_dict("records")
    names = [row["technique"] for row in trained]
    best = max(row[headline] for row in trained)
    leaders = listed([row["technique"] for row in trained if row[headline] == best])
    if BASELINE not in names:
        return (
            f"No verdict: the baseline has no results to compare with; the highest {figure} is "
            f"that of {leaders}, {percent(best)}."
        )
    rows = [row for row in trained if pd.notna(row.get("difference"))]
    if not rows:
        baseline = trained[names.index(BASELINE)][headline]
        return (
            f"The baseline's {figure} is {percent(baseline)}; no technique has results to "
            "compare with it."
        )
    rows.sort(key=lambda row: -row["difference"])
    gains = _gains(comparison, pruning)
    judged = [row for row in rows if row.get("verdict") in _VERDICTS]
    if not judged:
        baseline = trained[names.index(BASELINE)][headline]
        return f"{'; '.join(_described(rows, gains, figure, baseline))}."
    clauses = _helpful(judged, gains)
    for verdict, words in (
        (UNDECIDED, "no detectable difference"),
        (EQUIVALENT, "practically equal to the baseline"),
    ):
        of_verdict = [row for row in judged if row["verdict"] == verdict]
        clauses += [
            f"{row['technique']} {words}, but {gains[row['technique']]}"
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
    return f"{'; '.join(clauses)}."


def signed(value: float, form: str = ".2f") -> str:
    """A number with its sign and a true minus: '+1.15', '−0.05', '0.00'."""
    text = f"{value:+{form}}"
    return (text if text.strip("+-0.") else text[1:]).replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    """A share of 1 as '93.7 %'; '–' if it is missing."""
    return "–" if pd.isna(share) else f"{100 * share:.{digits}f} %"


def difference_text(row: Mapping[Any, Any], figure: str = "difference") -> str:
    """A difference in percentage points and its 95 % interval: '+1.60 [1.20, 2.00]'."""
    return f"{signed(100 * row[figure])} {interval_text(row, figure)}".strip()


def interval_text(row: Mapping[Any, Any], interval: str) -> str:
    """The interval between ``<interval>_low`` and ``_high`` in percentage points, or nothing."""
    low, high = row.get(f"{interval}_low"), row.get(f"{interval}_high")
    if low is None or high is None or not np.isfinite([low, high]).all():
        return ""
    return f"[{100 * low:.2f}, {100 * high:.2f}]".replace("-", "−")


def verdict_text(row: Mapping[Any, Any]) -> str:
    """The verdict, or nothing if there is none."""
    verdict = row.get("verdict")
    return "" if pd.isna(verdict) else str(verdict)


def listed(names: Sequence[str], most: int | None = None) -> str:
    """Names as in a sentence: 'a', 'a and b', 'a, b and 2 others'."""
    shown = list(names[:most])
    more = len(names) - len(shown)
    if more:
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def rival(comparison: pd.DataFrame, results: Mapping[str, Results]) -> str | None:
    """The technique to set beside the baseline: the best on validation besides it.

    Args:
        comparison: From ``compare``.
        results: By technique; one without predictions is passed over.
    """
    if "validation_accuracy" not in comparison:
        return None
    figures = comparison.set_index("technique")["validation_accuracy"].dropna()
    shown = [name for name, found in results.items() if len(found.predictions)]
    figures = figures[figures.index.isin(shown) & (figures.index != BASELINE)]
    return None if figures.empty else str(figures.idxmax())


def finished(results: Mapping[str, Results]) -> dict[str, Results]:
    """The runs that ended well, of the techniques that have any."""
    kept = {}
    for name, found in results.items():
        if len(found.runs):
            seeds = found.runs.loc[found.runs["status"] == TRAINED, "seed"].tolist()
            if seeds:
                kept[name] = found.of_seeds(seeds)
    return kept


def seed_differences(results: Mapping[str, Results]) -> dict[str, pd.Series]:
    """Each technique's headline figure minus the baseline's, by seeds that both have trained."""
    headline = f"{judged_part(results)}_accuracy"
    figures = {name: _by_seed(found, headline) for name, found in results.items()}
    baseline = figures.pop(BASELINE, pd.Series(dtype=float))
    differences = {name: (values - baseline).dropna() for name, values in figures.items()}
    return {name: values for name, values in differences.items() if len(values)}


def pruning_curves(results: Mapping[str, Results]) -> pd.DataFrame:
    """Accuracy after pruning, mean over seeds: a row per technique, a column per share removed.

    The column of share 0 is the headline accuracy of the networks as trained.
    """
    headline = f"{judged_part(results)}_accuracy"
    curves = {}
    for name, found in results.items():
        measured = _measured(found, PRUNING)
        if len(measured):
            measured.index = measured.index.astype(float)
            whole = pd.Series({0.0: _by_seed(found, headline).mean()})
            curves[name] = measured.combine_first(whole)
    return pd.DataFrame(curves).T.sort_index(axis="columns")


def corruption_table(results: Mapping[str, Results]) -> pd.DataFrame:
    """Accuracy under corruption, mean over seeds: a row per technique, a column per corruption.

    The first column is the headline accuracy, on all images as they are, the last the mean of
    the corruptions.
    """
    headline = f"{judged_part(results)}_accuracy"
    rows = {}
    for name, found in results.items():
        corrupted = _measured(found, CORRUPTION)
        if len(corrupted):
            clean = _by_seed(found, headline).mean()
            rows[name] = {CLEAN: clean, **corrupted, "mean corrupted": corrupted.mean()}
    return pd.DataFrame.from_dict(rows, orient="index")


def confusion_matrix(found: Results, part: str, classes: Sequence[str]) -> np.ndarray:
    """Count what was taken for what in a part, all seeds together.

    Returns:
        K x K ints: a row per true class, a column per predicted one.
    """
    targets, predicted = _true_and_predicted(found, part, classes)
    if not len(targets):
        return np.zeros((len(classes), len(classes)), dtype=int)
    import sklearn.metrics  # noqa: PLC0415 - a second of start-up

    counts = sklearn.metrics.confusion_matrix(targets, predicted, labels=range(len(classes)))
    return np.asarray(counts)


def recalls(found: Results, part: str, classes: Sequence[str]) -> np.ndarray:
    """The share of each class's images in a part that was recognized, all seeds together.

    Returns:
        K floats, NaN without images.
    """
    return recall_by_class(*_true_and_predicted(found, part, classes), len(classes))


def _true_and_predicted(
    found: Results, part: str, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the true and of the predicted classes of a part's images, by every seed."""
    answers = found.predictions[found.predictions["split"] == part]
    targets, predicted = (
        pd.Categorical(answers[column], categories=list(classes)).codes
        for column in ("label", "predicted")
    )
    return targets, predicted


def disagreements(one: Results, other: Results, part: str) -> pd.DataFrame:
    """Images that most runs of one technique get wrong and most runs of another get right.

    Args:
        one: The technique that is wrong.
        other: The one that is right.
        part: Of the images.

    Returns:
        A row per image, the clearest case first: filename, label; one_answer, the most frequent
        wrong answer, one_count, the number of runs that gave it, and one_runs, of how many; the
        same for the other's right answer: other_count, other_runs.
    """
    wrong, right = (_answers(found, part) for found in (one, other))
    both = wrong.add_suffix("_one").join(right.add_suffix("_other"), how="inner")
    share_one, share_other = (both[f"right_{of}"] / both[f"runs_{of}"] for of in ("one", "other"))
    clear = both.assign(by=share_other - share_one)[(share_one < 0.5) & (share_other > 0.5)]
    clear = clear.sort_values("by", ascending=False, kind="stable")
    said = one.predictions
    mistaken = said[(said["split"] == part) & (said["predicted"] != said["label"])]
    by_answer = mistaken.groupby(["filename", "predicted"]).size()
    # The most frequent answer of an image comes first, of equal ones the first in order.
    frequent = by_answer.sort_values(ascending=False, kind="stable").reset_index(name="runs")
    wrongest = frequent.drop_duplicates("filename").set_index("filename").reindex(clear.index)
    return pd.DataFrame(
        {
            "filename": clear.index,
            "label": clear["label_one"].to_numpy(),
            "one_answer": wrongest["predicted"].to_numpy(),
            "one_count": wrongest["runs"].to_numpy(dtype=int),
            "one_runs": clear["runs_one"].to_numpy(),
            "other_count": clear["right_other"].to_numpy(),
            "other_runs": clear["runs_other"].to_numpy(),
        }
    )


def _helpful(judged: list[dict[Any, Any]], gains: Mapping[str, str]) -> list[str]:
    """What is better than the baseline, or that nothing is."""
    better = [row for row in judged if row["verdict"] == BETTER]
    if better:
        clauses = [
            f"{row['technique']} {_points(row)}, real{_failed(row)}"
            f"{_and(gains.get(row['technique']))}"
            for row in better[:_NAMED]
        ]
        more = len(better) - _NAMED
        return [*clauses, f"{more} more better than the baseline"] if more > 0 else clauses
    if all(row["verdict"] == WORSE for row in judged):
        told = [f"{row['technique']} {_points(row)}" for row in judged]
        return [f"Every technique is worse than the baseline: {listed(told, _NAMED)}"]
    clause = "No technique is shown to be better than the baseline"
    names, figures = _highest(judged)
    if judged[0]["verdict"] == UNDECIDED and judged[0]["difference"] > 0:
        clause += f" (the highest, {names}, {figures}, {_is(names)} undecided)"
    return [clause]


def _described(
    rows: list[dict[Any, Any]], gains: Mapping[str, str], figure: str, baseline: float
) -> list[str]:
    """What there is to say without a verdict."""
    seeds = int(max(row["runs"] - row["failed_runs"] for row in rows))
    clause = (
        f"A description, not a verdict: {seeds} seed{'s' if seeds > 1 else ''}, "
        f"and a verdict takes {MIN_SEEDS}; "
    )
    if rows[0]["difference"] > 0:
        names, figures = _highest(rows)
        clause += f"the highest {figure} is that of {names}, {figures} on the baseline"
    else:
        clause += f"the baseline's {figure}, {percent(baseline)}, is the highest"
    return [clause, *(f"{name}: {gain}" for name, gain in gains.items())]


def _gains(comparison: pd.DataFrame, pruning: pd.DataFrame | None) -> dict[str, str]:
    """What is won in size, in words, by the techniques that win most; none if the baseline does."""
    if pruning is not None and BASELINE in pruning.index:
        can_go = {str(name): _removable(curve) for name, curve in pruning.iterrows()}
        most = max(share for share, _ in can_go.values())
        baselines, _ = can_go[BASELINE]
        return {
            name: f"{percent(share, 0)} of its weights can go (accuracy {signed(change)} points; "
            f"of the baseline's {percent(baselines, 0)})"
            for name, (share, change) in can_go.items()
            if share == most > baselines
        }
    if "near_zero_share" not in comparison:
        return {}
    shares = dict(zip(comparison["technique"], comparison["near_zero_share"], strict=True))
    most = max(shares.values(), key=lambda share: -1 if pd.isna(share) else share)
    return {
        name: f"{percent(share, 0)} of its weights are nearly zero"
        for name, share in shares.items()
        if share == most > max(shares.get(BASELINE, 0), _MOSTLY_ZERO)
    }


def _removable(curve: pd.Series) -> tuple[float, float]:
    """The largest share that pruning can take at an affordable loss, and the change in points."""
    shares, accuracies = curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float)
    affordable = np.logical_and.accumulate(accuracies >= accuracies[0] - AFFORDABLE_LOSS)
    last = max(int(affordable.sum()) - 1, 0)
    return float(shares[last]), float(100 * (accuracies[last] - accuracies[0]))


def _failed(row: Mapping[Any, Any]) -> str:
    """A difference over the runs that did not fail leaves the worst ones out."""
    if not row.get("failed_runs"):
        return ""
    return f" among the runs that did not fail ({row['failed_runs']} of {row['runs']} did)"


def _highest(rows: list[dict[Any, Any]]) -> tuple[str, str]:
    """The first of sorted rows and those that read the same: names and difference."""
    first = rows[0]
    if len(same := [row for row in rows if _points(row) == _points(first)]) == 1:
        return str(first["technique"]), _points(first)
    return listed([row["technique"] for row in same]), f"{_points(first)} each"


def _points(row: Mapping[Any, Any]) -> str:
    """'+1.60 points [1.20, 2.00]'."""
    return f"{signed(100 * row['difference'])} points {interval_text(row, 'difference')}".strip()


def _and(gain: str | None) -> str:
    return f", and {gain}" if gain else ""


def _is(names: str) -> str:
    return "are" if " and " in names else "is"


def _names(rows: list[dict[Any, Any]]) -> str:
    return listed([row["technique"] for row in rows], _NAMED)


def _by_seed(found: Results, figure: str) -> pd.Series:
    """One figure of the runs that did not fail, by seed."""
    if figure not in found.runs:
        return pd.Series(dtype=float)
    trained = found.runs[found.runs["status"] == TRAINED]
    return trained.set_index("seed")[figure].astype(float)


def _measured(found: Results, measure: str) -> pd.Series:
    """A measure's mean over seeds, by setting, in the order measured."""
    if found.measurements.empty:
        return pd.Series(dtype=float)
    rows = found.measurements[found.measurements["measure"] == measure]
    return rows.groupby("setting", sort=False)["value"].mean()


def _answers(found: Results, part: str) -> pd.DataFrame:
    """A row per image: label, how many runs are right, and how many runs there are."""
    rows = found.predictions[found.predictions["split"] == part]
    right = (rows["predicted"] == rows["label"]).groupby(rows["filename"], sort=False)
    labels = rows.groupby("filename", sort=False)["label"].first()
    return pd.DataFrame({"label": labels, "right": right.sum(), "runs": right.size()})


def split_text(split: Mapping[str, Any] | None) -> str:
    """Say how images came to train, validate or test.

    Args:
        split: The settings ``protocol.split``; nothing is said without them.
    """
    if split is None:
        return ""
    shares = {part: split[part] for part in PARTS if split[part]}
    sizes = listed([f"{100 * share:g} % {part}" for part, share in shares.items()])
    how = {
        "stratified": f"shuffled with seed {split['seed']}, the same shares of every class",
        "sequential": "in the order of the label file, without shuffling",
        "hashed": "each image by a keyed hash of its pixels (key: seed "
        f"{split['seed']}), so that it keeps its part when images are added, and equal images "
        "are in one part; the parts’ sizes and the classes’ shares in them come out by chance",
    }
    return f"{sizes}: {how[split['method']]}."
