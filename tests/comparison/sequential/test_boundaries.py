"""Boundaries against published tables, SciPy's t, and simulated paths."""

import numpy as np
import pytest
from scipy import stats

from regbench.comparison.sequential.boundaries import boundaries, crossing
from regbench.comparison.sequential.design import Design

pytestmark = pytest.mark.filterwarnings("error")


def simulated(pairs: tuple[int, ...], at: list[float], paths: int, seed: int = 0) -> np.ndarray:
    """Return the share of t paths that cross first at each look."""
    drawn = np.random.default_rng(seed).standard_normal((paths, pairs[-1]))
    free, shares = np.ones(paths, bool), []
    for count, boundary in zip(pairs, at, strict=True):
        t = stats.ttest_1samp(drawn[:, :count], 0, axis=1).statistic
        shares.append(np.mean(free & (t >= boundary)))
        free &= t < boundary
    return np.array(shares)


# Jennison and Turnbull 2000, tables 2.1 and 2.3: two-sided tests with error 0.05, known variance.
@pytest.mark.parametrize(
    ("looks", "pocock", "obrien_fleming"),
    [(2, 2.178, 1.977), (3, 2.289, 2.004), (4, 2.361, 2.024), (5, 2.413, 2.040)],
)
def test_with_many_pairs_are_those_of_pocock_and_of_obrien_and_fleming(
    looks: int, pocock: float, obrien_fleming: float
) -> None:
    pairs = [50_000 * number for number in range(1, looks + 1)]
    falling = [obrien_fleming * np.sqrt(looks / number) for number in range(1, looks + 1)]
    assert 2 * sum(crossing(pairs, [pocock] * looks)) == pytest.approx(0.05, abs=1e-4)
    assert 2 * sum(crossing(pairs, falling)) == pytest.approx(0.05, abs=1e-4)


def test_of_nine_techniques_are_those_found_by_simulation_elsewhere() -> None:
    """60,000 simulated studies a cell, looks 8 to 40, spending the square of the seeds' share."""
    design = Design((8, 12, 20, 40), techniques=9, band=0.005, spending=2)
    for error, expected in (
        (0.05 / 18, [6.95, 5.19, 3.91, 3.03]),
        (0.05 / 9, [6.21, 4.74, 3.60, 2.76]),
    ):
        spent = tuple(error * share for share in design.shares)
        assert boundaries(design.looks, spent) == pytest.approx(expected, rel=0.005)


@pytest.mark.parametrize("pairs", [2, 3, 5, 20, 500])
def test_of_a_single_look_is_the_quantile_of_t(pairs: int) -> None:
    for error in (1e-6, 1e-3, 0.025):
        (found,) = boundaries((pairs,), (error,))
        assert found == pytest.approx(stats.t.isf(error, pairs - 1))


# One, two and more pairs are added; many at once; looks so close that they say nearly the same.
@pytest.mark.parametrize(
    "pairs", [(2, 3), (3, 4, 6), (5, 8, 12, 20), (5, 6, 7, 8), (3, 30), (19, 20)]
)
def test_are_crossed_as_often_as_allowed_by_simulated_paths(pairs: tuple[int, ...]) -> None:
    spent = tuple(0.05 * (count / pairs[-1]) for count in pairs)
    allowed = np.diff([0, *spent])
    found = boundaries(pairs, spent)
    paths = 100_000
    error = np.sqrt(allowed / paths)
    assert np.all(np.abs(simulated(pairs, list(found), paths) - allowed) < 4 * error)
    assert crossing(pairs, found) == pytest.approx(allowed)


def test_for_p_values_would_be_crossed_too_often() -> None:
    """What a spending function allows at each look of a normal path, applied to p values of t."""
    pairs, allowed = (5, 8, 12, 20), 0.05 / 18
    spent = tuple(allowed * count / 20 for count in pairs)
    normal = boundaries(tuple(10_000 * count for count in pairs), spent)
    of_t = [
        stats.t.isf(stats.norm.sf(at), count - 1) for at, count in zip(normal, pairs, strict=True)
    ]
    assert sum(crossing(pairs, of_t)) > 1.08 * allowed


def test_do_not_depend_on_how_finely_they_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    from regbench.comparison.sequential import boundaries as module

    pairs, at = (5, 8, 12), [8.0, 5.5, 4.3]
    coarse = crossing(pairs, at)
    monkeypatch.setattr(module, "_GRID", 361)
    monkeypatch.setattr(module, "_NODES", 80)
    monkeypatch.setattr(module, "_SHARES", 40)
    assert crossing(pairs, at) == pytest.approx(coarse, rel=0.002)
