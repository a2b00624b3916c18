"""Cross-entropy, without the regularizers' penalty, by split part."""

from functools import partial

from regbench.evaluation.figures.base import (
    NATS,
    USUAL,
    Better,
    Figure,
    Shown,
    metric_on,
)
from regbench.metrics.registry import METRICS


def _declared(part: str, shown: Shown, position: int) -> Figure:
    return Figure(
        name=f"{part}_cross_entropy",
        title="cross-entropy",
        text_title=f"{part} cross-entropy",
        meaning=f"on the {part} images, in nats, without the regularizers' penalty",
        unit=NATS,
        digits=3,
        compute=partial(metric_on, METRICS["cross_entropy"], part),
        better=Better.LOWER,
        shown=shown,
        only_judged_on=part,
        spread=part != "train",
        position=position,
    )


FIGURES = (
    _declared("train", Shown.MLFLOW, 70),
    _declared("validation", USUAL, 80),
    _declared("test", USUAL, 90),
)
