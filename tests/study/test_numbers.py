"""No declared number takes what no study can mean: infinity, NaN, or a value beyond its bounds."""

import copy
import math
from typing import Any

import pytest
import yaml
from tests.study.base_study import BASE, CONF, changed, dotted, problems
from tests.study.numbers import Number, declared_numbers, scheduled_numbers

from regbench.fields import MAX_FACTOR
from regbench.study.problems import InvalidStudy, Problem
from regbench.study.reader import read_schedules, read_study

# Bounded by a check of their own: the first three below; the last are a run's own `--params`.
_OTHERWISE = {
    "protocol.looks",
    "verify.trainings",
    "networks.odd.fine_tune.from",
    "default.params.odd",
}
NUMBERS = [number for number in declared_numbers() if str(number) not in _OTHERWISE]
SCHEDULED = [number for number in scheduled_numbers() if str(number) not in _OTHERWISE]
# Too large a one is a training that diverges, which is a result.
_FACTORS = {
    *("techniques.odd.l1.factor", "techniques.odd.l2.factor"),
    *("techniques.odd.elastic_net.l1", "techniques.odd.elastic_net.l2"),
    *("techniques.odd.learning_rate.factor", "protocol.optimizer.learning_rate"),
    *("networks.odd.head.learning_rate", "networks.odd.fine_tune.learning_rate"),
}
_FRESH = {("networks", "odd"), ("protocol", "optimizer"), ("protocol", "schedule")}
AIRFLOW = yaml.safe_load((CONF / "base/airflow.yml").read_text())


def _problems(number: Number, value: Any) -> list[Problem]:
    """Return the problems of a number's value, and none of what else its group lacks."""
    settings = copy.deepcopy(AIRFLOW if number in SCHEDULED else BASE)
    place = settings
    *parents, last = number.path
    for depth, key in enumerate(parents, 1):
        fresh = tuple(parents[:depth]) in _FRESH or not isinstance(place.get(key), dict)
        place[key] = {} if fresh else place[key]
        place = place[key]
        if tuple(parents[:depth]) in _FRESH:
            place.update(number.beside)
    place[last] = [value] if number.in_list else value
    read: Any = read_schedules if number in SCHEDULED else read_study
    with pytest.raises(InvalidStudy) as caught:
        read(settings)
    of_it = [p for p in caught.value.problems if dotted(p).startswith(str(number))]
    return of_it or caught.value.problems


@pytest.mark.parametrize("number", [*NUMBERS, *SCHEDULED], ids=str)
def test_is_bounded_on_both_sides(number: Number) -> None:
    assert number.low is not None
    assert number.high is not None
    # No more of anything can be meant; a factor only has to be a number of the computation's.
    assert number.high <= (MAX_FACTOR if str(number) in _FACTORS else 1e11)


@pytest.mark.parametrize("number", [*NUMBERS, *SCHEDULED], ids=str)
def test_refuses_what_is_beyond_its_bounds(number: Number) -> None:
    assert number.low is not None
    assert number.high is not None
    if number.whole:
        next_ones: list[float] = [int(number.low) - 1, int(number.high) + 1]
    else:
        next_ones = [math.nextafter(number.low, -math.inf), math.nextafter(number.high, math.inf)]
    for value in (*next_ones, -(10**9), 1e308, math.inf, -math.inf, math.nan):
        found = _problems(number, value)
        assert len(found) == 1, (value, found)
        assert dotted(found[0]).startswith(str(number)), (value, found)
        assert "\n" not in found[0].message


@pytest.mark.parametrize("value", [-0.1, 1.1, 1e308, math.inf, math.nan, True])
def test_a_share_of_the_layers_is_a_share(value: float) -> None:
    path = ("networks", "odd", "fine_tune", "from")
    (found,) = _problems(Number(path, {"kind": "pretrained"}, False, {}, False), value)
    assert "a share from 0 to 1" in found.message


@pytest.mark.parametrize("value", [-1, 1.5, 10**9 + 1, 1e308, math.inf, math.nan, "some", True])
def test_trainings_to_verify_are_a_number_or_all(value: Any) -> None:
    (found,) = _problems(Number(("verify", "trainings"), {}, True, {}, False), value)
    assert "must be a whole number from 0 to 1000000000, or all" in found.message


@pytest.mark.parametrize("value", [-1, 1001, 10**12, 1e308, math.inf, math.nan])
def test_looks_are_at_numbers_of_seeds(value: Any) -> None:
    (found,) = problems(changed("protocol.seeds", {"looks": [value]}))
    assert dotted(found).startswith("protocol.seeds")


@pytest.mark.parametrize("value", [-1, 0, 1.5, 10**9 + 1, 1e308, math.inf, math.nan])
def test_sizes_of_a_learning_curve_are_numbers_of_images(value: Any) -> None:
    (found,) = problems(changed("learning_curve.sizes", [value]))
    assert "from 1 to 1000000000, or all" in found.message
