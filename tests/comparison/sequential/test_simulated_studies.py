"""A slice of benchmarks/results/false_verdicts.md: errors in simulated studies with looks."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks import staged_looks
from benchmarks.staged_looks import BAND, LOOKS, Study, draw
from numpy.typing import ArrayLike
from scipy import stats

from regbench.comparison.sequential import interval as intervals
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE

DESIGN = Design(LOOKS, 9, BAND)
STUDIES = 2000
NAMES = {
    intervals.ABOVE: BETTER,
    intervals.BELOW: WORSE,
    intervals.WITHIN: EQUIVALENT,
    intervals.NOTHING: UNDECIDED,
}


def is_at_most(rate: float, observed: ArrayLike) -> bool:
    """Whether so many events speak against a rate only as chance does in one of 1,000 cases."""
    return bool(stats.binom.sf(np.sum(observed) - 1, np.size(observed), rate) > 0.001)


def drawn(study: Study, studies: int = STUDIES) -> np.ndarray:
    return draw(study, studies, LOOKS[-1], np.random.default_rng(0))


def misses(study: Study, judged: staged_looks.Judged) -> np.ndarray:
    truth = np.array(study.differences)
    return np.asarray(((truth < judged.low) | (truth > judged.high)).any(axis=1))


@pytest.mark.parametrize(
    "study",
    [
        Study("all equal", (0.0,) * 9, 0.006, 1200),
        Study("all equal", (0.0,) * 9, 0.012, 1200),
        Study("all equal, heavy tails", (0.0,) * 9, 0.003, 10_000, heavy_tails=True),
        Study("all equal, mishaps", (0.0,) * 9, 0.003, 10_000, mishaps=0.1),
        Study("at the edge", (BAND, -BAND, BAND) * 3, 0.003, 10_000),
        Study("at the edge", (BAND, -BAND, BAND) * 3, 0.006, 1200),
        Study("mixed", (0.0, BAND, -0.02, 0.0, -BAND, 0.02, 0.0, BAND, -0.02), 0.006, 1200),
        Study("within half the band", (BAND / 2, -BAND / 2, 0.0) * 3, 0.006, 1200),
    ],
    ids=lambda study: f"{study.truth}, sd {study.sd}",
)
def test_hold_a_wrong_verdict_or_miss_the_truth_in_5_percent_at_most(study: Study) -> None:
    judged = staged_looks.judge(drawn(study), DESIGN, 0.5 / study.images)
    truth = np.array(study.differences)
    wrong = (
        ((judged.shown == intervals.ABOVE) & (truth <= 0))
        | ((judged.shown == intervals.BELOW) & (truth >= 0))
        | ((judged.shown == intervals.WITHIN) & (np.abs(truth) >= BAND))
    ).any(axis=1)
    assert is_at_most(0.05, wrong)
    assert is_at_most(0.05, misses(study, judged))


def test_would_be_wrong_more_often_if_each_look_were_a_test_of_its_own() -> None:
    """The check above can fail."""
    study = Study("all equal", (0.0,) * 9, 0.012, 1200)
    values = drawn(study)
    tests = [stats.ttest_1samp(values[..., :look], 0, axis=2).pvalue for look in LOOKS]
    corrected = np.min(tests, axis=0) < 0.05 / 9
    assert not is_at_most(0.05, corrected.any(axis=1))


def test_on_splits_of_their_own_allow_for_what_the_splits_have_in_common() -> None:
    """Nadeau and Bengio's model: differences share a part with ``ratio`` times their variance."""
    generator, ratio = np.random.default_rng(0), 0.2
    shared = np.sqrt(ratio) * generator.standard_normal((STUDIES, 9, 1))
    values = 0.012 * (generator.standard_normal((STUDIES, 9, 20)) + shared)
    corrected = staged_looks.judge(values, replace(DESIGN, variance_ratio=ratio), 0.0)
    plain = staged_looks.judge(values, DESIGN, 0.0)
    assert is_at_most(0.05, (corrected.shown != intervals.NOTHING).any(axis=1))
    assert not is_at_most(0.05, (plain.shown != intervals.NOTHING).any(axis=1))


def test_are_judged_as_by_the_product() -> None:
    study = Study("mixed", (0.0, BAND, -0.02, 0.0, -BAND, 0.02, 0.0, BAND, -0.02), 0.006, 1200)
    values = drawn(study, 40)
    judged = staged_looks.judge(values, DESIGN, 0.5 / study.images)
    for number, of_study in enumerate(values):
        expected = judge(
            {str(technique): row for technique, row in enumerate(of_study)},
            DESIGN,
            smallest_sd=0.5 / study.images,
        )
        for technique, verdict in enumerate(expected.values()):
            assert NAMES[judged.shown[number, technique]] == verdict.verdict
            assert judged.seeds[number, technique] == verdict.look
            assert judged.low[number, technique] == pytest.approx(verdict.low)
            assert judged.high[number, technique] == pytest.approx(verdict.high)


def test_find_about_as_much_as_one_test_at_the_end_with_fewer_trainings() -> None:
    mixed = Study("mixed", (0.0, BAND, -0.02, 0.0, -BAND, 0.02, 0.0, BAND, -0.02), 0.003, 10_000)
    row = staged_looks.measure(mixed, STUDIES, DESIGN, np.random.default_rng(0))
    assert row["found"] > row["(one test)"] - 0.05
    assert row["trainings"] < 0.55
    long = replace(DESIGN, looks=(5, 8, 12, 20, 40))
    row = staged_looks.measure(mixed, STUDIES // 2, long, np.random.default_rng(0))
    assert row["found"] > row["(one test)"] - 0.05
    assert row["trainings"] < 0.35


def test_have_the_spread_that_they_are_meant_to_have() -> None:
    for study in staged_looks.studies():
        if study.seeds_vary == "normally":
            values = drawn(study, 300)
            centred = values - np.array(study.differences)[:, None]
            assert centred.std() == pytest.approx(study.sd, rel=0.06)
