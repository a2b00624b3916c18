"""The simulated searches find what the real search finds."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import search_fairness as fairness

from regbench.storage.stored_file import LocalFile
from regbench.tuning.search import search
from regbench.tuning.storage import open_study


@pytest.mark.parametrize("budget", [{"rule": "epochs", "epochs": 150}, {"rule": "per_setting"}])
def test_the_best_values_are_those_of_the_real_search(
    budget: dict[str, Any], tmp_path: Path
) -> None:
    name, truth = "no-op of 1 setting", fairness.TRUTHS[0]
    budget = {"trials_per_setting": 3, **budget}
    real, simulated = (
        fairness.plan(name, budget, 5, truth, np.random.default_rng(0)) for _ in range(2)
    )
    study = open_study(LocalFile(tmp_path), None, "no-op", higher_is_better=True)
    found = search(real, study)
    assert found["best"]["regularizers"] == fairness.best_values(simulated)
