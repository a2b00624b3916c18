"""Verdicts look by look: the same as of the whole study, and read from the interval."""

import numpy as np
import pytest

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE

DESIGN = Design(looks=(5, 8, 12, 20), techniques=9, band=0.005)


def test_clear_techniques_are_decided_at_the_first_look() -> None:
    noise = np.array([1, -1, 2, -2, 0]) * 1e-4
    verdicts = judge({"up": noise + 0.05, "down": noise - 0.05, "same": noise}, DESIGN)
    assert [one.verdict for one in verdicts.values()] == [BETTER, WORSE, EQUIVALENT]
    assert all(one.look == 5 and one.stopped for one in verdicts.values())


def test_an_unclear_technique_trains_on() -> None:
    (found,) = judge({"any": np.array([0.01, -0.01, 0.02, 0.0, 0.01])}, DESIGN).values()
    assert found.verdict == UNDECIDED
    assert found.low < 0 < found.high
    assert found.further_seeds is not None


def test_more_techniques_than_the_design_is_for_are_refused() -> None:
    with pytest.raises(ValueError, match="2 techniques, and a design for 1"):
        judge({"a": np.zeros(5), "b": np.zeros(5)}, Design((5,), 1, 0.005))
