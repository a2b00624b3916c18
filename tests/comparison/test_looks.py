"""Where a study with looks stands: who is decided, who trains on, and what counts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from tests.comparison.trainings import UNTRAINED, collected, failed, trained

from regbench.comparison.compare import compare, failures
from regbench.comparison.looks import (
    describe,
    describe_end,
    set_aside_unneeded,
    standing,
    without_unneeded,
)
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.evaluation.results import Results
from regbench.metrics.registry import METRICS

LOOKS = (3, 5, 8)
BAND = 0.04  # of 100 images
ACCURACY = METRICS["accuracy"]
BASE = (0.80, 0.82, 0.81, 0.79, 0.80, 0.81, 0.82, 0.80)
WORSE = tuple(value - 0.3 for value in BASE)
NOISY = (0.84, 0.80, 0.84, 0.80, 0.83, 0.80, 0.84, 0.79)


def of(values: Sequence[float | None]) -> Results:
    """Results of seeds 1, 2, 3 ...; None is a training that failed."""
    return collected(
        *(
            failed(seed) if value is None else trained(seed, value)
            for seed, value in enumerate(values, start=1)
        )
    )


def study(**arms: Sequence[float | None]) -> dict[str, Results]:
    return {name.replace("__", "."): of(values) for name, values in arms.items()}


def test_verdicts_are_those_of_the_differences() -> None:
    found = standing(study(baseline=BASE, l1=WORSE, l2=NOISY), LOOKS, BAND, ACCURACY)
    pairs = {
        "l1": np.subtract(WORSE, BASE),
        "l2": np.subtract(NOISY, BASE),
    }
    assert found.verdicts == judge(pairs, Design(LOOKS, 2, BAND), smallest_sd=0.5 / 100)
    assert found.verdicts["l1"].verdict == "worse"
    assert found.verdicts["l1"].look == 3


def test_no_interval_reaches_beyond_what_differences_of_accuracies_can_be() -> None:
    base, other = (0.5, 0.2, 0.8), (0.2, 0.6, 0.4)
    found = standing(study(baseline=base, l1=other), LOOKS, BAND, ACCURACY).verdicts["l1"]
    plain = judge({"l1": np.subtract(other, base)}, Design(LOOKS, 1, BAND), smallest_sd=0.005)["l1"]
    assert plain.low < -1
    assert plain.high > 1
    assert (found.low, found.high) == (-1, 1)
    assert (found.verdict, found.mean, found.sd) == (plain.verdict, plain.mean, plain.sd)


def test_a_decided_technique_needs_no_more_and_the_baseline_what_another_needs() -> None:
    first = study(baseline=BASE[:3], l1=WORSE[:3], l2=NOISY[:3])
    found = standing(first, LOOKS, BAND, ACCURACY)
    assert found.due == {"baseline": 5, "l1": 3, "l2": 5}
    assert found.decided == ["l1"]
    said = describe(found, 3)
    assert said == "look at 3 seeds: l1 worse; 1 of 2 undecided, these train on: l2"
    alone = standing(study(baseline=BASE[:3], l1=WORSE[:3]), LOOKS, BAND, ACCURACY)
    assert alone.due == {"baseline": 3, "l1": 3}


def test_who_is_not_trained_keeps_nobody_waiting() -> None:
    results = study(baseline=BASE[:3], l1=WORSE[:3]) | {"l2": UNTRAINED}
    found = standing(results, LOOKS, BAND, ACCURACY)
    assert found.due == {"baseline": 3, "l1": 3, "l2": 3}
    assert describe(found, 3) == "look at 3 seeds: l1 worse"
    nobody = standing(study(l2=NOISY[:3]) | {"baseline": UNTRAINED}, LOOKS, BAND, ACCURACY)
    assert nobody.due == {"l2": 3, "baseline": 3}
    assert describe(nobody, 3).startswith("look at 3 seeds: nothing to compare: a technique needs")


@pytest.mark.parametrize("lacks", ["baseline", "l2"])
def test_a_look_waits_for_trainings_of_pairs(lacks: str) -> None:
    values = {"baseline": BASE[:5], "l2": NOISY[:5]} | {
        lacks: {"baseline": BASE, "l2": NOISY}[lacks][:4]
    }
    found = standing(study(**values), LOOKS, BAND, ACCURACY)
    assert found.due == {"baseline": 5, "l2": 5}
    assert found.is_waiting("l2", 5)
    assert "l2 cannot be judged: trainings of pairs are missing" in describe(found, 5)


def test_a_failed_training_is_a_pair_less() -> None:
    values = (None, *WORSE[1:4])
    found = standing(study(baseline=BASE[:4], l1=values), LOOKS, BAND, ACCURACY)
    assert found.due["l1"] == 5  # two pairs are too few at the first look
    found = standing(study(baseline=BASE[:5], l1=(*values, WORSE[4])), LOOKS, BAND, ACCURACY)
    assert (found.verdicts["l1"].verdict, found.verdicts["l1"].pairs) == ("worse", 4)


def test_a_technique_of_which_every_training_fails_stops_no_look() -> None:
    results = study(baseline=BASE[:3], l1=(None, None, None), l2=NOISY[:3])
    found = standing(results, LOOKS, BAND, ACCURACY)
    assert found.due == {"baseline": 5, "l1": 3, "l2": 5}
    assert describe(found, 3) == (
        "look at 3 seeds: l1 cannot be judged, as trainings of all pairs failed; 1 of 2 undecided, "
        "these train on: l2"
    )
    nobody = standing(study(baseline=(None,) * 3, l2=NOISY[:3]), LOOKS, BAND, ACCURACY)
    assert nobody.due == {"baseline": 3, "l2": 3}
    one = standing(study(baseline=BASE[:3], l1=(None, None, 0.5)), LOOKS, BAND, ACCURACY)
    assert one.due == {"baseline": 5, "l1": 5}


def test_networks_have_baselines_of_their_own_and_one_error() -> None:
    results = study(
        baseline__mlp=BASE[:3], baseline__cnn=BASE[:3], l1__mlp=WORSE[:3], l1__cnn=NOISY[:3]
    )
    found = standing(results, LOOKS, BAND, ACCURACY)
    assert found.due == {"baseline.mlp": 3, "baseline.cnn": 5, "l1.mlp": 3, "l1.cnn": 5}
    pairs = {"l1.cnn": np.subtract(NOISY[:3], BASE[:3])}
    of_both = judge(pairs, Design(LOOKS, 2, BAND), smallest_sd=0.5 / 100)
    assert found.verdicts["l1.cnn"] == of_both["l1.cnn"]


def test_a_study_replayed_stands_where_it_stood_while_it_trained() -> None:
    random = np.random.default_rng(1)
    for _ in range(6):
        arms = {
            name: tuple(np.round(random.normal(mean, 0.02, 8), 2))
            for name, mean in (("baseline", 0.8), ("l1", 0.75), ("l2", 0.8), ("dropout", 0.82))
        }
        whole = standing(study(**arms), LOOKS, BAND, ACCURACY)
        due = dict.fromkeys(arms, LOOKS[0])
        for look in LOOKS:
            made = {name: values[: min(look, due[name])] for name, values in arms.items()}
            found = standing(study(**made), LOOKS, BAND, ACCURACY)
            due = found.due
        assert found.verdicts == whole.verdicts
        assert found.due == whole.due


def compared(results: dict[str, Results]) -> pd.DataFrame:
    return compare(results, {}, BAND, looks=LOOKS).set_index("technique")


def test_the_comparison_has_the_figures_of_the_look() -> None:
    results = study(baseline=BASE[:5], l1=WORSE[:3], l2=NOISY[:5])
    table = compared(results)
    found = standing(results, LOOKS, BAND, ACCURACY)
    assert table["verdict"].drop("baseline").to_dict() == {"l1": "worse", "l2": "undecided"}
    at = found.verdicts["l1"]
    row = table.loc["l1"]
    assert (row["difference_low"], row["difference_high"]) == (at.low, at.high)
    assert (row["plain_low"], row["plain_high"]) == (at.plain_low, at.plain_high)
    assert (row["pairs"], row["stopped_at"]) == (3, 3)
    assert "p_adjusted" not in table
    assert table["saved_trainings"].to_dict() == {"baseline": 0, "l1": 5, "l2": 0}
    assert table["missing_trainings"].to_dict() == {"baseline": 3, "l1": 0, "l2": 3}
    assert describe_end(table.reset_index()) == "decided 1 of 2 with 13 of 24 trainings"


def test_trainings_of_before_the_looks_count_for_nothing() -> None:
    many = study(baseline=BASE, l1=WORSE)
    few = study(baseline=BASE[:3], l1=WORSE[:3])
    kept = set_aside_unneeded(many, LOOKS, BAND, ACCURACY)
    assert {name: len(stored.trainings) for name, stored in kept.items()} == {
        "baseline": 3,
        "l1": 3,
    }
    pd.testing.assert_frame_equal(compared(kept), compared(few))


def test_failures_beyond_the_look_that_stopped_a_technique_are_no_failures() -> None:
    made = {
        "baseline": collected(*(trained(seed, 0.8) for seed in range(1, 9))),
        "l1": collected(
            *(trained(seed, 0.5 + 0.01 * (seed % 2)) for seed in range(1, 6)),
            *(failed(seed) for seed in (6, 7)),
        ),
    }
    looks = [5, 8]
    needed = set_aside_unneeded(made, looks, 0.005, METRICS["accuracy"])
    compared = compare(needed, {}, 0.005, seeds=8, looks=looks)
    assert compared.set_index("technique").loc["l1", "stopped_at"] == 5
    assert len(failures(made)) == 2
    assert failures(without_unneeded(made, compared)) == []
    assert without_unneeded({"other": made["l1"]}, compared)["other"] is made["l1"]
    fixed = compare(made, {}, 0.005, seeds=8)
    assert len(failures(without_unneeded(made, fixed))) == 2


def test_a_task_of_a_later_stage_that_died_is_its_techniques() -> None:
    results = study(baseline=BASE[:5], l2=NOISY[:3])
    table = compare(results, {}, BAND, looks=LOOKS, died=["after_3.l2"]).set_index("technique")
    assert table["status"].to_dict() == {"baseline": "trained", "l2": "failed"}
