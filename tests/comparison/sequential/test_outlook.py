"""The probability of a verdict at the last look against simulated ends of studies."""

import numpy as np
import pytest

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.interval import NOTHING, critical, read
from regbench.comparison.sequential.outlook import chance_of_verdict

DESIGN = Design(looks=(5, 8, 12, 20), techniques=9, band=0.005)
AT_END = critical(DESIGN.looks, DESIGN.shares, DESIGN)


@pytest.mark.parametrize("sd", [0.002, 0.005, 0.006, 0.02])
@pytest.mark.parametrize("mean", [0.0, 0.003, -0.01])
def test_is_the_share_of_simulated_ends_with_a_verdict(mean: float, sd: float) -> None:
    """The variance is drawn from its posterior, then the mean of all 20; its spread stays."""
    generator, ends = np.random.default_rng(0), 100_000
    sigma = sd * np.sqrt(7 / generator.chisquare(7, ends))
    final = mean + sigma * np.sqrt(1 / 8 - 1 / 20) * generator.standard_normal(ends)
    decided = read(final, np.full(ends, sd / np.sqrt(20)), AT_END, DESIGN.band) != NOTHING
    expected = chance_of_verdict(mean, sd, 8, 8, DESIGN)
    assert float(expected) == pytest.approx(decided.mean(), abs=0.006)  # 4 standard errors


def test_of_many_techniques_is_that_of_each() -> None:
    means, sds = np.array([0.0, 0.003]), np.array([0.002, 0.005])
    together = chance_of_verdict(means, sds, 8, 8, DESIGN)
    assert together == pytest.approx(
        [float(chance_of_verdict(*one, 8, 8, DESIGN)) for one in zip(means, sds, strict=True)]
    )
