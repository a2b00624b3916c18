"""RB207: labels that nearly every network contradicts.

Confident learning (Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in
Dataset Labels, JAIR 2021): of each network, the threshold of a class is the mean probability that
it gives the class on images labelled so. An answer contradicts the label if its own probability
reaches the threshold of the answer. All answers are on images that no network was trained on.

Hard images are contradicted, too, but less surely: an image with a wrong label looks like any other
of the class that it is of. So the answer must be as sure as that to the median image is. On 2,500
digits of which 0, 1, 2 and 5 % had got a wrong label, six networks with 91 to 85 % accuracy so
contradicted 3, 15, 28 and 73: 1, 6, 10 and 19 % of the images that they got wrong.
"""

import pandas as pd

from regbench.doctor.base import Check, Finding, Suspect
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.text.counted import number_of

_NEARLY_EVERY = 0.9  # of the trainings
_LEAST_TRAININGS = 3
_IMPLAUSIBLE = 0.05  # mean probability of the given label, at most
_LEAST = 3  # images
_SHARE = 0.0025  # of the images: fewer are the few odd ones that every set has
_OF_WRONG = 0.05  # of the images that most networks get wrong: fewer are just hard
_MOST_LISTED = 24


def _find(evidence: Evidence) -> Finding | None:
    tables = [
        results.predictions.assign(technique=technique)
        for technique, results in evidence.trained.items()
    ]
    if not tables:
        return None
    answers = pd.concat(tables, ignore_index=True)
    answers = answers[answers["split"] != "train"]  # of these the hardest are kept, too
    found = contradicted_labels(answers)
    images = answers["filename"].nunique()
    right = (answers["predicted"] == answers["label"]).groupby(answers["filename"]).mean()
    wrong = int((right < 0.5).sum())
    if len(found) < max(_LEAST, _SHARE * images, _OF_WRONG * wrong):
        return None
    shown = found.head(_MOST_LISTED)
    suspects = tuple(Suspect(*map(str, row)) for row in shown.itertuples(index=False))
    first = suspects[0]
    return Finding(
        f"nearly every training contradicts the label of {number_of(len(found), 'image')} of "
        f"{images:,} ({percent(len(found) / images)}), with confidence and with one answer: such "
        f"as {first.filename!r}, labelled {first.label!r}, which they take for {first.other!r}",
        evidence.command(),
        evidence.minutes(),
        "Look at these images, and put right what is wrong in the set first.",
        suspects,
    )


def contradicted_labels(answers: pd.DataFrame) -> pd.DataFrame:
    """Return the images whose labels nearly every training contradicts with the same answer.

    Args:
        answers: A row per training and image: technique, seed, filename, label, predicted,
            confidence, label_probability.

    Returns:
        A row per image, the least probable label first: filename, label, other (the answer).
    """
    if "label_probability" not in answers or answers["label_probability"].isna().all():
        return pd.DataFrame(columns=["filename", "label", "other"])
    training = ["technique", "seed"]
    thresholds = answers.groupby([*training, "label"])["label_probability"].mean()
    keys = pd.MultiIndex.from_frame(answers[[*training, "predicted"]])
    threshold = thresholds.reindex(keys).to_numpy()  # NaN for a class that no image has
    contradicts = (answers["predicted"] != answers["label"]) & (answers["confidence"] >= threshold)
    images = answers.groupby("filename").agg(
        label=("label", "first"),
        trainings=("label", "size"),
        probability=("label_probability", "mean"),
        confidence=("confidence", "mean"),
    )
    same = answers[contradicts].groupby(["filename", "predicted"]).size().reset_index(name="times")
    same = same.sort_values("times", ascending=False, kind="stable").drop_duplicates("filename")
    found = images.join(same.set_index("filename"), how="inner").reset_index()
    clear = (
        (found["times"] >= _NEARLY_EVERY * found["trainings"])
        & (found["trainings"] >= _LEAST_TRAININGS)
        & (found["probability"] <= _IMPLAUSIBLE)
        & (found["confidence"] >= images["probability"].median())
    )
    found = found[clear].sort_values(["probability", "filename"], kind="stable")
    return found.rename(columns={"predicted": "other"})[["filename", "label", "other"]]


CHECK = Check(
    code="RB207",
    title="probable label errors",
    meaning="confident learning: nine of ten trainings or more contradict the label of an image "
    "that they were not trained on, all with the same answer, as surely as they answer the median "
    "image, and give the label 5 % on average at most; for one image in 400 or more, and one in 20 "
    "of those that most trainings get wrong",
    why="Wrong labels among the judged images blur every difference, and wrong ones among the "
    "train images reward what does not memorize.",
    rank=55,
    find=_find,
)
