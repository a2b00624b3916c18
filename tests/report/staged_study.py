"""A study with looks in which every verdict occurs, made up for tests of the report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from tests.comparison.trainings import IMAGES, collected, failed, trained

from regbench.comparison.compare import compare, with_study_figures
from regbench.comparison.looks import set_aside_unneeded
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS
from regbench.report.page import ReportContent

LOOKS = (5, 8, 12)
BAND = 0.02
STEP = 1 / IMAGES
BASE = tuple(0.80 + STEP * (seed % 3) for seed in range(12))
SHIFTS: Mapping[str, Sequence[float]] = {  # by seed, in images: shift to the baseline
    "augmentation": (11, 12, 12, 11, 12, 11, 12, 12, 11, 12, 12, 11),
    "zca": (-30, -31, -30, -29, -30, -30, -31, -29, -30, -30, -30, -31),
    "l2": (0, 0, 1, 0, -1, 0, 0, 0, 1, 0, -1, 0),
    "dropout_with_a_long_name": (4, -2, 6, 3, -1, 5, -2, 6, 3, -1, 5, 1),
    "l1": (9, -12, 10, -8, 2, 9, -12, 10, -8, 2, 9, -12),
}


def results(lost: Mapping[str, int] | None = None) -> dict[str, Results]:
    """Results by technique, as far as the looks call for them.

    Args:
        lost: By technique, the seed of a training that failed.
    """
    shifts = {"baseline": (0,) * len(BASE), **SHIFTS}
    made = {
        name: collected(
            *(
                failed(seed)
                if (lost or {}).get(name) == seed
                else trained(seed, round(base + STEP * shift, 2), seconds=30.0, train_accuracy=1.0)
                for seed, (base, shift) in enumerate(zip(BASE, of, strict=True), start=1)
            )
        )
        for name, of in shifts.items()
    }
    return set_aside_unneeded(made, LOOKS, BAND, METRICS["accuracy"])


def comparison(lost: Mapping[str, int] | None = None) -> pd.DataFrame:
    compared = compare(results(lost), {}, BAND, seeds=LOOKS[-1], looks=LOOKS)
    return with_study_figures(compared, BAND, side_by_side=2)


def content() -> ReportContent:
    files = [f"{part} {number}" for part in ("validation", "test") for number in range(IMAGES)]
    return ReportContent(
        comparison=comparison(),
        results={
            name: replace(of, epochs=of.epochs.assign(validation_accuracy=0.7))
            for name, of in results().items()
        },
        classes=["a", "b"],
        images=np.zeros((len(files), 8, 8, 1), np.uint8),
        split_index=pd.DataFrame(
            {
                "filename": files,
                "label": np.resize(["a", "b"], len(files)).astype(object),
                "split": [name.split()[0] for name in files],
            }
        ),
        rejected=pd.DataFrame(columns=["filename", "reason"]),
        settings={"protocol": {"seeds": list(range(1, 13)), "looks": list(LOOKS)}},
        provenance={},
        notes=[],
        claims=None,
    )
