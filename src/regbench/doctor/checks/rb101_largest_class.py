"""RB101: the baseline does no better than always giving the largest class."""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.study.schema import BASELINE

_SURE = 1.645  # standard errors by which it is to be better: one-sided 5 %
_FACTOR = 3  # more epochs
_PLAIN = ("accuracy", "cross_entropy")  # metrics in which every image counts alike


def _find(evidence: Evidence) -> Finding | None:
    if evidence.baseline is None:
        return None
    images = evidence.by_image(BASELINE, evidence.part)
    train = evidence.split_index["label"][evidence.split_index["split"] == "train"]
    if images.empty or train.empty:
        return None
    largest = str(train.value_counts().index[0])
    constant = (images["label"] == largest).astype(float)
    gain = images["right"] - constant
    if evidence.metric.name in _PLAIN:
        of, right, share = "accuracy", images["right"].mean(), constant.mean()
        mean, error = gain.mean(), gain.std() / np.sqrt(len(gain))
    else:  # every class counts alike
        of = "balanced accuracy"
        right, share = (
            values.groupby(images["label"]).mean().mean() for values in (images["right"], constant)
        )
        by_class = gain.groupby(images["label"]).agg(["mean", "var", "size"]).fillna(0.0)
        mean = by_class["mean"].mean()
        error = np.sqrt((by_class["var"] / by_class["size"]).sum()) / len(by_class)
    if mean > _SURE * error:
        return None
    return Finding(
        f"the baseline's {evidence.part} {of} is {percent(right)}; always answering {largest!r}, "
        f"the largest class, has {percent(share)} of the {len(images):,} {evidence.part} images",
        **evidence.train_longer(_FACTOR),
        remark="If it learns, run the whole study with as many epochs; if not, another network "
        "(protocol.network=cnn for photos) or another protocol.optimizer.learning_rate may be what "
        "it takes.",
    )


CHECK = Check(
    code="RB101",
    title="no better than always answering the largest class",
    meaning="the baseline's accuracy is not above that of always giving the largest class of the "
    "train images, at 5 % over the judged images (each class alike where the metric counts so)",
    why="The network has learned nothing that tells the classes apart: no verdict on a technique "
    "means anything yet.",
    rank=10,
    explains=("RB102", "RB103", "RB104", "RB203", "RB302", "RB303"),
    find=_find,
)
