"""Small tables made from trainings: curves, matrices, disagreements."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from regbench.comparison.compare import judged_part_of
from regbench.evaluation.classification import recall_by_class
from regbench.evaluation.figures.accuracy_after_pruning import ACCURACY_AFTER_PRUNING
from regbench.evaluation.figures.accuracy_under_corruption import ACCURACY_UNDER_CORRUPTION
from regbench.evaluation.results import TRAINED, Results
from regbench.study.schema import BASELINE

CLEAN = "clean"


def best_besides_baseline(comparison: pd.DataFrame, results: Mapping[str, Results]) -> str | None:
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
    """The trainings that ended well, of the techniques that have any."""
    kept = {}
    for name, found in results.items():
        if len(found.trainings):
            seeds = found.trainings.loc[found.trainings["status"] == TRAINED, "seed"].tolist()
            if seeds:
                kept[name] = found.of_seeds(seeds)
    return kept


def seed_differences(results: Mapping[str, Results]) -> dict[str, pd.Series]:
    """Each technique's headline figure minus the baseline's, by seeds that both have trained."""
    headline = f"{judged_part_of(results)}_accuracy"
    figures = {name: found.by_seed(headline) for name, found in results.items()}
    baseline = figures.pop(BASELINE, pd.Series(dtype=float))
    differences = {name: (values - baseline).dropna() for name, values in figures.items()}
    return {name: values for name, values in differences.items() if len(values)}


def pruning_curves(results: Mapping[str, Results]) -> pd.DataFrame:
    """Accuracy after pruning, mean over seeds: a row per technique, a column per share removed.

    The column of share 0 is the headline accuracy of the networks as trained.
    """
    headline = f"{judged_part_of(results)}_accuracy"
    curves = {}
    for name, found in results.items():
        measured = found.by_setting(ACCURACY_AFTER_PRUNING.name)
        if len(measured):
            measured.index = measured.index.astype(float)
            whole = pd.Series({0.0: found.by_seed(headline).mean()})
            curves[name] = measured.combine_first(whole)
    return pd.DataFrame(curves).T.sort_index(axis="columns")


def corruption_table(results: Mapping[str, Results]) -> pd.DataFrame:
    """Accuracy under corruption, mean over seeds: a row per technique, a column per corruption.

    The first column is the headline accuracy, on all images as they are, the last the mean of
    the corruptions.
    """
    headline = f"{judged_part_of(results)}_accuracy"
    rows = {}
    for name, found in results.items():
        corrupted = found.by_setting(ACCURACY_UNDER_CORRUPTION.name)
        if len(corrupted):
            clean = found.by_seed(headline).mean()
            rows[name] = {CLEAN: clean, **corrupted, "mean corrupted": corrupted.mean()}
    return pd.DataFrame.from_dict(rows, orient="index")


def setting_table(results: Mapping[str, Results], figure: str) -> pd.DataFrame:
    """A figure with several values, mean over seeds: a row per technique, a column per setting."""
    rows = {name: found.by_setting(figure) for name, found in results.items()}
    return pd.DataFrame({name: values for name, values in rows.items() if len(values)}).T


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
    """Images that most trainings of one technique get wrong and most of another get right.

    Args:
        one: The technique that is wrong.
        other: The one that is right.
        part: Of the images.

    Returns:
        A row per image, the clearest case first: filename, label; one_answer, the most frequent
        wrong answer, one_count, the number of trainings that gave it, and one_trainings, of how
        many; the same for the other's right answer: other_count, other_trainings.
    """
    wrong, right = (_answers(found, part) for found in (one, other))
    both = wrong.add_suffix("_one").join(right.add_suffix("_other"), how="inner")
    share_one, share_other = (
        both[f"right_{of}"] / both[f"trainings_{of}"] for of in ("one", "other")
    )
    clear = both.assign(by=share_other - share_one)[(share_one < 0.5) & (share_other > 0.5)]
    clear = clear.sort_values("by", ascending=False, kind="stable")
    said = one.predictions
    mistaken = said[(said["split"] == part) & (said["predicted"] != said["label"])]
    by_answer = mistaken.groupby(["filename", "predicted"]).size()
    # The most frequent answer of an image comes first, of equal ones the first in order.
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


def _answers(found: Results, part: str) -> pd.DataFrame:
    """A row per image: label, how many trainings are right, and how many trainings there are."""
    rows = found.predictions[found.predictions["split"] == part]
    right = (rows["predicted"] == rows["label"]).groupby(rows["filename"], sort=False)
    labels = rows.groupby("filename", sort=False)["label"].first()
    return pd.DataFrame({"label": labels, "right": right.sum(), "trainings": right.size()})
