"""Answers of trainings, from the table of predictions."""

import numpy as np
import pandas as pd

from regbench.evaluation.results import Results
from regbench.metrics.base import Answers


def answers_of_results(results: Results, part: str) -> list[Answers]:
    """Return the answers of each training (by seed) on a split part's images (by file name)."""
    answers = results.predictions[results.predictions["split"] == part]
    labels = pd.Index(np.unique(answers[["label", "predicted"]].to_numpy(dtype=str)))
    found = []
    for _, of_seed in answers.sort_values("filename", kind="stable").groupby("seed"):
        targets, predicted = (
            labels.get_indexer(of_seed[column].astype(str)) for column in ("label", "predicted")
        )
        given = of_seed.get("label_probability", pd.Series(np.nan, of_seed.index))
        likelihoods = given.to_numpy(dtype=np.float64)
        found.append(Answers(targets, predicted, likelihoods, len(labels)))
    return found
