"""The last comparison, on test images, by trainings with seeds that chose nothing."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.comparison.trainings import collected, trained
from tests.study.base_study import BASE

from regbench.evaluation.results import Results
from regbench.recommendation.combination import Combination
from regbench.recommendation.conclude import conclude
from regbench.recommendation.plan import Plan
from regbench.report import recommended
from regbench.storage.stored_file import LocalFile
from regbench.study.fingerprints import fingerprints_of_techniques
from regbench.study.reader import read_study

DATA = {"data": "d", "split": "s"}
GAIN = {"baseline": 0.0, "l2": 0.05}


def a_plan(folder: Path, **recommend: Any) -> tuple[Plan, dict[str, Any]]:
    study = {
        **BASE,
        "techniques": {"baseline": {}, "l2": {"l2": 0.001}},
        "protocol": {**BASE["protocol"], "seeds": [1, 2, 4, 5, 7]},
        "tuning": {**BASE["tuning"], "seeds": [3]},
        "recommend": {**BASE["recommend"], **recommend},
    }
    read = read_study(study)
    fingerprints = {
        "fingerprints": fingerprints_of_techniques(read),
        "preparation": defaultdict(str),
    }
    parameters = read.as_parameters() | fingerprints
    results = [Results.none(), Results.none()]
    return Plan(parameters, results, DATA, LocalFile(folder), "now"), parameters


def accuracy(of: Combination, seed: int) -> float:
    luck = np.random.default_rng([seed, len(of.name)]).normal(0, 0.002)
    return 0.8 + GAIN[of.name] + 0.01 * (seed % 3) + float(luck)


def train(plan: Plan, of: Combination, seed: int) -> None:
    made = collected(trained(seed, accuracy(of, seed)))
    fingerprint = {f"fingerprint_{key}": of for key, of in plan.trainings.current(of).items()}
    old = [name for name in made.trainings.columns if str(name).startswith("fingerprint_")]
    rows = made.trainings.drop(columns=old).assign(technique=of.name, **fingerprint)
    plan.trainings.save(of, seed, Results(rows, made.epochs, made.predictions, made.measurements))


def concluded(folder: Path, trainings: int = 100, **recommend: Any) -> dict[str, Any]:
    plan, parameters = a_plan(folder, **recommend)
    order = []
    while (jobs := plan.needs()) and len(order) < trainings:
        train(plan, *jobs[0])
        order.append((jobs[0][0].name, jobs[0][1]))
    found = conclude(plan, parameters, DATA, [])
    return found | {"order": order}


def test_the_figure_is_that_of_seeds_that_chose_nothing(tmp_path: Path) -> None:
    found = concluded(tmp_path, fresh_seeds=True)
    fresh = [6, 8, 9, 10, 11]  # the study has 1, 2, 4, 5 and 7, its search 3
    assert {seed for _, seed in found["order"][:10]} == {1, 2, 4, 5, 7}
    assert found["order"][10:14] == [("baseline", 6), ("l2", 6), ("baseline", 8), ("l2", 8)]
    assert [seed for _, seed in found["order"][10::2]] == fresh
    plan, _ = a_plan(tmp_path)
    l2, baseline = plan.builder.techniques["l2"], plan.builder.baseline
    differences = [accuracy(l2, seed) - accuracy(baseline, seed) for seed in fresh]
    assert found["test"]["difference"] == pytest.approx(np.mean(differences), abs=1e-3)
    low, _ = stats.ttest_1samp(differences, 0).confidence_interval()
    assert found["test"]["difference_low"] == pytest.approx(low, abs=1e-3)
    assert found["test"]["fresh_seeds"] is True
    assert found["is_finished"]
    assert "with seeds that chose nothing" in recommended.remarks(found)[0]


@pytest.mark.parametrize(("trainings", "is_on"), [(100, False), (13, True)])
def test_otherwise_it_is_that_of_the_seeds_that_chose_it_and_this_is_said(
    tmp_path: Path, trainings: int, is_on: bool
) -> None:
    found = concluded(tmp_path, trainings, fresh_seeds=is_on)
    assert len(found["order"]) == (13 if is_on else 10)
    assert found["test"]["fresh_seeds"] is False
    assert found["test"]["trainings"] == 5
    assert found["is_finished"] is not is_on
    [remark, *_] = recommended.remarks(found)
    assert ("time was up for others" if is_on else "fresh_seeds: false") in remark
