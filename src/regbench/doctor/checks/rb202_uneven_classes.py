"""RB202: the classes are uneven, and accuracy decides."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.images.class_counts import UNEVEN


def _find(evidence: Evidence) -> Finding | None:
    if evidence.metric.name != "accuracy":
        return None
    counts = evidence.split_index["label"].value_counts()
    if counts.max() <= UNEVEN * counts.min():
        return None
    followers = [
        technique
        for technique, regularizers in evidence.settings["techniques"].items()
        if "early_stopping" in regularizers
    ]
    return Finding(
        f"{counts.index[0]!r} has {counts.iloc[0]:,} images, {counts.index[-1]!r} "
        f"{counts.iloc[-1]:,}; always answering {counts.index[0]!r} has "
        f"{percent(counts.iloc[0] / counts.sum())} accuracy",
        evidence.command({"reporting.metric": "balanced_accuracy"}, "--only-missing-outputs"),
        # What stops by the metric is trained again; the others are only judged anew.
        (evidence.minutes(followers) or 0.0) if evidence.trained else None,
        "A technique with class_weights counts every class alike in training, too.",
    )


CHECK = Check(
    code="RB202",
    title="classes are uneven, and accuracy decides",
    meaning="the largest class has more than twice the images of the smallest, and "
    "reporting.metric is accuracy",
    why="Accuracy hardly notices what happens to small classes; balanced accuracy counts every "
    "class alike.",
    rank=35,
    find=_find,
    of_images=True,
    in_pilot=True,
)
