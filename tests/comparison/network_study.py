"""A study of two networks on which one technique flips, for tests."""

import numpy as np
import pandas as pd
from tests.comparison.metric_study import CLASSES, TARGETS, results

from regbench.comparison.compare import compare, of_largest_class, with_study_figures
from regbench.evaluation.results import Results
from regbench.report.page import ReportContent

BAND = 0.005
SPLIT = pd.DataFrame(
    {
        "filename": [f"{number:03}" for number in range(len(TARGETS))] * 2,
        "label": np.array(CLASSES, dtype=object)[np.tile(TARGETS, 2)],
        "target": np.tile(TARGETS, 2),
        "split": ["test"] * len(TARGETS) + ["train"] * len(TARGETS),
    }
)
STUDY = {
    "baseline.mlp": results(1.0),
    "baseline.cnn": results(2.0, spread=0.05),
    "dropout.mlp": results(2.2),
    "dropout.cnn": results(0.9, spread=0.05),
    "shifts.mlp": results(2.4),
    "shifts.cnn": results(3.4, spread=0.05),
}


def compared(study: dict[str, Results] | None = None) -> pd.DataFrame:
    line = of_largest_class(SPLIT, "test", "accuracy")
    found = compare(STUDY if study is None else study, {}, BAND, seeds=5, largest_class=line)
    return with_study_figures(found, BAND)


def content(comparison: pd.DataFrame) -> ReportContent:
    """The content of the report on ``STUDY``."""
    learnt = {"train_accuracy": [0.5], "validation_accuracy": [0.5]}
    learnt |= {"train_loss": [0.5], "validation_loss": [0.5]}
    epochs = pd.DataFrame({"seed": [1], "epoch": [1]} | learnt)
    made = {
        name: Results(of.trainings, epochs, of.predictions, of.measurements)
        for name, of in STUDY.items()
    }
    return ReportContent(
        comparison=comparison,
        results=made,
        classes=CLASSES,
        images=np.zeros((len(SPLIT), 4, 4, 1), np.uint8),
        split_index=SPLIT,
        rejected=pd.DataFrame(columns=["filename", "reason"]),
        settings={
            "protocol": {"network": ["mlp", "cnn"]},
            "networks": {
                "mlp": {"kind": "mlp", "hidden_units": [7], "activation": "relu"},
                "cnn": {"kind": "cnn", "filters": [9]},
            },
        },
        provenance={},
        notes=["mlp: a note"],
        claims=None,
    )
