"""RB101: the baseline does no better than always giving the largest class."""

import numpy as np

from regbench.doctor.base import Check, Finding
from regbench.doctor.commands import OTHER_KIND
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.study.schema import BASELINE

_SURE = 1.645  # standard errors by which it is to be better: one-sided 5 %
_FACTOR = 3  # more epochs
_BY_HEART = 0.5  # of the way from the largest class to all right: the train images are learned
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
    seen = (
        f"the baseline's {evidence.part} {of} is {percent(right)}; always answering {largest!r}, "
        f"the largest class, has {percent(share)} of the {len(images):,} {evidence.part} images"
    )
    train_accuracy = float(evidence.baseline.by_seed("train_accuracy").mean())
    largest_share = float((train == largest).mean())
    if train_accuracy - largest_share > _BY_HEART * (1 - largest_share):
        return _by_heart(f"{seen}; of the train images it has {percent(train_accuracy)}", evidence)
    return Finding(
        seen,
        **evidence.train_longer(_FACTOR),
        remark="If it learns, run the whole study with as many epochs; if not, another network "
        "(protocol.network=cnn for photos) or another protocol.optimizer.learning_rate may be what "
        "it takes.",
    )


def _by_heart(seen: str, evidence: Evidence) -> Finding:
    """Return the finding on a network that knows its train images and no others."""
    networks = evidence.settings.get("networks", {})
    kind = networks.get(evidence.network or evidence.protocol.get("network"), {}).get("kind")
    other = [name for name, of in networks.items() if of["kind"] == OTHER_KIND.get(kind)]
    rate = float(evidence.protocol["optimizer"]["learning_rate"]) / 3
    changed = {"protocol.optimizer.learning_rate": f"{rate:.2g}"}
    action = "Train the baseline at a lower learning rate"
    if other:
        changed, action = {"protocol.network": other[0]}, f"Try another network, {other[0]}"
    command, minutes = evidence.first_try(changed)
    more = (
        "It has learned its train images by heart, so more epochs do not help: more images do, or "
        "a network that suits them, such as a pretrained one."
    )
    return Finding(seen, command, minutes, more, action=action)


CHECK = Check(
    code="RB101",
    title="the network is no better than always answering the largest class",
    meaning="the baseline's accuracy is not above that of always giving the largest class of the "
    "train images, at 5 % over the judged images (each class alike where the metric counts so)",
    why="What the network has learned is not shown to tell the classes of other images apart: no "
    "verdict on a technique means anything yet.",
    rank=10,
    explains=("RB102", "RB103", "RB104", "RB203", "RB207", "RB302", "RB303"),
    find=_find,
)
