"""RB103: the baseline has not learned the images that it trains on."""

from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.words import percent
from regbench.text.counted import number_of

_HALF = 0.5  # of the way from the largest class to all right
_LEARNED = 0.9  # of the same way: enough
_PART_OF_BIAS = 3.0  # times the gap: the error on train images is then most of the error
_FACTOR = 3  # more epochs


def _find(evidence: Evidence) -> Finding | None:
    if evidence.baseline is None:
        return None
    accuracy = evidence.baseline.by_seed("train_accuracy").mean()
    gap = accuracy - evidence.baseline.by_seed("validation_accuracy").mean()
    train = evidence.split_index["label"][evidence.split_index["split"] == "train"]
    share = float(train.value_counts(normalize=True).iloc[0]) if len(train) else 1.0
    if not accuracy <= 1 or share == 1:  # NaN: there is no such figure
        return None
    learned = (accuracy - share) / (1 - share)
    biased = learned < _LEARNED and 1 - accuracy > _PART_OF_BIAS * gap
    if not (learned < _HALF or biased):
        return None
    return Finding(
        f"after {number_of(evidence.trained_epochs, 'epoch')} the baseline recognizes "
        f"{percent(accuracy)} of its own train images (always answering their largest class: "
        f"{percent(share)})",
        **evidence.train_longer(_FACTOR),
        remark="If it learns, run the whole study with as many epochs; if not, try a larger "
        "network or another protocol.optimizer.learning_rate.",
    )


CHECK = Check(
    code="RB103",
    title="the network underfits its train images",
    meaning="the baseline's train accuracy is less than half of the way from the largest class to "
    "all right; or less than nine tenths of it, and the train error is more than three times the "
    "gap to validation",
    why="Most of its error is there on the train images already, and regularization can lower only "
    "the rest.",
    rank=20,
    explains=("RB102", "RB104"),
    find=_find,
)
