"""Tables of results for the report: curves, confusion matrices, disagreements."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regbench.comparison.compare import judged_part_of, metric_of
from regbench.evaluation.classification import recall_by_class
from regbench.evaluation.figures.accuracy_after_pruning import ACCURACY_AFTER_PRUNING
from regbench.evaluation.figures.accuracy_under_corruption import ACCURACY_UNDER_CORRUPTION
from regbench.evaluation.results import TRAINED, Results
from regbench.metrics.registry import DEFAULT
from regbench.study.schema import BASELINE

CLEAN = "clean"


def best_besides_baseline(comparison: pd.DataFrame, results: Mapping[str, Results]) -> str | None:
    """Return the technique that is best on validation, the baseline excluded; None without any.

    Args:
        comparison: From ``compare``.
        results: By technique; techniques without predictions are left out.
    """
    metric = metric_of(comparison)
    selecting = f"validation_{metric.name}"
    if selecting not in comparison:
        return None
    figures = comparison.set_index("technique")[selecting].dropna().map(metric.gain)
    shown = [name for name, stored in results.items() if len(stored.predictions)]
    figures = figures[figures.index.isin(shown) & (figures.index != BASELINE)]
    # Of equal ones the first by name; their order is by test images, which select nothing.
    return None if figures.empty else str(figures.sort_index().idxmax())


def finished(results: Mapping[str, Results]) -> dict[str, Results]:
    """Return the trainings that did not fail, of techniques that have any."""
    kept = {}
    for name, stored in results.items():
        if len(stored.trainings):
            seeds = stored.trainings.loc[stored.trainings["status"] == TRAINED, "seed"].tolist()
            if seeds:
                kept[name] = stored.of_seeds(seeds)
    return kept


def seed_differences(results: Mapping[str, Results], metric: str = DEFAULT) -> dict[str, pd.Series]:
    """Return each technique's headline minus the baseline's, by seed, for seeds that both have."""
    headline = f"{judged_part_of(results)}_{metric}"
    figures = {name: stored.by_seed(headline) for name, stored in results.items()}
    baseline = figures.pop(BASELINE, pd.Series(dtype=float))
    differences = {name: (values - baseline).dropna() for name, values in figures.items()}
    return {name: values for name, values in differences.items() if len(values)}


def pruning_curves(results: Mapping[str, Results]) -> pd.DataFrame:
    """Return accuracies after pruning, mean over seeds.

    Returns:
        A row per technique, a column per share of weights removed; share 0 is the accuracy on the
        judged part.
    """
    accuracy = f"{judged_part_of(results)}_accuracy"
    curves = {}
    for name, stored in results.items():
        measured = stored.by_setting(ACCURACY_AFTER_PRUNING.name)
        if len(measured):
            measured.index = measured.index.astype(float)
            whole = pd.Series({0.0: stored.by_seed(accuracy).mean()})
            curves[name] = measured.combine_first(whole)
    return pd.DataFrame(curves).T.sort_index(axis="columns")


def corruption_table(results: Mapping[str, Results]) -> pd.DataFrame:
    """Return accuracies under corruption, mean over seeds.

    Returns:
        A row per technique, a column per corruption; the first column is the accuracy on
        all images as they are, the last the mean over corruptions.
    """
    accuracy = f"{judged_part_of(results)}_accuracy"
    rows = {}
    for name, stored in results.items():
        corrupted = stored.by_setting(ACCURACY_UNDER_CORRUPTION.name)
        if len(corrupted):
            clean = stored.by_seed(accuracy).mean()
            rows[name] = {CLEAN: clean, **corrupted, "mean corrupted": corrupted.mean()}
    return pd.DataFrame.from_dict(rows, orient="index")


def setting_table(results: Mapping[str, Results], figure: str) -> pd.DataFrame:
    """Return a figure with several values, mean over seeds.

    Returns:
        A row per technique, a column per setting.
    """
    rows = {name: stored.by_setting(figure) for name, stored in results.items()}
    return pd.DataFrame({name: values for name, values in rows.items() if len(values)}).T


def confusion_matrix(results: Results, part: str, classes: Sequence[str]) -> np.ndarray:
    """Return the confusion matrix of a split part, summed over seeds.

    Returns:
        K x K ints: a row per true class, a column per predicted one.
    """
    targets, predicted = _true_and_predicted(results, part, classes)
    if not len(targets):
        return np.zeros((len(classes), len(classes)), dtype=int)
    import sklearn.metrics  # noqa: PLC0415 - a second of start-up

    counts = sklearn.metrics.confusion_matrix(targets, predicted, labels=range(len(classes)))
    return np.asarray(counts)


def recalls(results: Results, part: str, classes: Sequence[str]) -> np.ndarray:
    """Return the recall of each class in a split part, over the predictions of all seeds.

    Returns:
        K floats, NaN without images.
    """
    return recall_by_class(*_true_and_predicted(results, part, classes), len(classes))


def _true_and_predicted(
    results: Results, part: str, classes: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted class numbers of a split part's images, one pair per seed."""
    answers = results.predictions[results.predictions["split"] == part]
    targets, predicted = (
        pd.Categorical(answers[column], categories=list(classes)).codes
        for column in ("label", "predicted")
    )
    return targets, predicted


def disagreements(one: Results, other: Results, part: str) -> pd.DataFrame:
    """Return the images that most trainings of one technique get wrong and of another right.

    Args:
        one: Results of the technique that is wrong.
        other: Results of the technique that is right.
        part: The split part.

    Returns:
        A row per image, the clearest case first: filename, label; one_answer, the most frequent
        wrong answer, one_count, the number of trainings that gave it, and one_trainings, of how
        many; the same for the other's right answer: other_count, other_trainings.
    """
    counts_one, counts_other = (_answers(results, part) for results in (one, other))
    both = counts_one.add_suffix("_one").join(counts_other.add_suffix("_other"), how="inner")
    share_one = both["right_one"] / both["trainings_one"]
    share_other = both["right_other"] / both["trainings_other"]
    clear = both.assign(by=share_other - share_one)[(share_one < 0.5) & (share_other > 0.5)]
    clear = clear.sort_values("by", ascending=False, kind="stable")
    answers = one.predictions
    wrong = answers[(answers["split"] == part) & (answers["predicted"] != answers["label"])]
    by_answer = wrong.groupby(["filename", "predicted"]).size()
    # The most frequent wrong answer of an image is first; of equal ones, the first by name.
    frequent = by_answer.sort_values(ascending=False, kind="stable").reset_index(name="trainings")
    wrongest = frequent.drop_duplicates("filename").set_index("filename").reindex(clear.index)
    return pd.DataFrame(
        {
            "filename": clear.index,
            "label": clear["label_one"].to_numpy(),
            "one_answer": wrongest["predicted"].to_numpy(),
            "one_count": wrongest["trainings"].to_numpy(dtype=int),
            "one_trainings": clear["trainings_one"].to_numpy(),
            "other_count": clear["right_other"].to_numpy(),
            "other_trainings": clear["trainings_other"].to_numpy(),
        }
    )


def _answers(results: Results, part: str) -> pd.DataFrame:
    """Return a row per image: label, number of trainings that are right, number of trainings."""
    rows = results.predictions[results.predictions["split"] == part]
    right = (rows["predicted"] == rows["label"]).groupby(rows["filename"], sort=False)
    labels = rows.groupby("filename", sort=False)["label"].first()
    return pd.DataFrame({"label": labels, "right": right.sum(), "trainings": right.size()})
