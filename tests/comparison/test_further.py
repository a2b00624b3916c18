"""What an undecided technique takes, against SciPy's tests of as many differences."""

import math

import numpy as np
import pytest
from scipy import stats

from regbench.comparison.further import further_seeds
from regbench.comparison.statistics import (
    LEVEL,
    Judgement,
    PairedDifference,
    judge,
    paired_difference,
)
from regbench.comparison.verdicts import UNDECIDED

BAND = 0.005


def paired(mean: float, sd: float, seeds: int = 5) -> PairedDifference:
    """Differences with exactly this mean and standard deviation."""
    values = np.linspace(-1, 1, seeds)
    values = mean + sd * values / values.std(ddof=1)
    return paired_difference(0.5 + values, np.full(seeds, 0.5), BAND, 10_000)


def p_values(mean: float, sd: float, seeds: int) -> tuple[float, float]:
    """P values of the t test and of the two one-sided ones, by SciPy, from mean and spread."""
    error = sd / math.sqrt(seeds)
    differs = 2 * stats.t.sf(abs(mean) / error, seeds - 1)
    within = max(
        stats.t.sf((BAND - mean) / error, seeds - 1), stats.t.sf((BAND + mean) / error, seeds - 1)
    )
    return float(differs), float(within)


@pytest.mark.parametrize(("mean", "sd"), [(0.004, 0.006), (0.0005, 0.006), (-0.02, 0.03)])
def test_so_many_seeds_decide_and_one_less_does_not(mean: float, sd: float) -> None:
    differences = {
        "open": paired(mean, sd),
        "other": paired(0.003, 0.009),
        "large": paired(0.2, 0.001),
    }
    judged = judge(differences)
    assert judged["open"].verdict == UNDECIDED
    assert judged["large"].verdict == "better"
    enough = 5 + further_seeds(differences, judged, BAND)["open"]

    def is_decided(seeds: int) -> bool:
        differs, within = p_values(mean, sd, seeds)
        return differs * 2 < LEVEL or within * 3 < LEVEL  # two are open, three not equivalent

    assert is_decided(enough)
    assert not is_decided(enough - 1)


def test_a_mean_at_the_edge_is_decided_as_a_difference() -> None:
    differences = {"l1": paired(BAND, 0.01)}
    judged = judge(differences)
    assert further_seeds(differences, judged, BAND)["l1"] > 0


def test_no_number_is_given_where_none_is_affordable_or_needed() -> None:
    hopeless = {"l1": paired(1e-6, 5.0), "zca": paired(0.2, 0.001)}
    assert further_seeds(hopeless, judge(hopeless), BAND) == {}
    few = {"l1": paired(0.1, 0.1, seeds=3)}
    assert further_seeds(few, judge(few), BAND) == {}


def test_splits_that_share_images_can_make_it_hopeless() -> None:
    differences = {"l1": paired(0.004, 0.006)}
    judged = {"l1": Judgement(0.5, 0.5, UNDECIDED)}
    alone = further_seeds(differences, judged, BAND)["l1"]
    with_splits = further_seeds(differences, judged, BAND, variance_ratio=0.05)["l1"]
    assert with_splits > alone
    assert further_seeds(differences, judged, BAND, variance_ratio=1.0) == {}
