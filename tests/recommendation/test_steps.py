"""The stepwise combination, on trainings whose figures are made up."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from tests.study.base_study import BASE

from regbench.metrics.registry import METRICS
from regbench.recommendation.combination import Builder, CannotCombineError, Combination
from regbench.recommendation.judging import Rules
from regbench.recommendation.steps import Progress, Stepwise
from regbench.study.reader import read_study

TECHNIQUES = {
    "baseline": {},
    "l2": {"l2": 0.001},
    "stronger_l2": {"l2": 0.01},
    "dropout": {"dropout": 0.25},
    "augmentation": {"augmentation": True},
    "noise": {"gaussian_noise": 0.1},
    "both": {"combine": ["dropout", "noise"]},
}
Gain = Callable[[set[str]], float]


def builder(techniques: Mapping[str, Any] = TECHNIQUES, **changed: Any) -> Builder:
    study = {**BASE, "techniques": dict(techniques), **changed}
    return Builder(read_study(study).as_parameters())


class Bench:
    """Trainings by a formula: what each regularizer adds, and the luck of the seed."""

    def __init__(self, gain: Gain, looks: tuple[int, ...] = (), seeds: int = 8) -> None:
        self.gain, self.made = gain, dict[tuple[str, int], float]()
        self.order = list[tuple[str, int]]()
        self.looks, self.seeds = looks, tuple(range(1, seeds + 1))
        self.metric = METRICS["accuracy"]
        self.higher = 1.0

    def train(self, of: Combination, seed: int) -> None:
        luck = np.random.default_rng([seed, int(of.digest[:6], 16)]).normal(0, 0.001)
        value = self.gain(set(of.parts))
        self.made[of.digest, seed] = 0.9 + self.higher * value + 0.01 * (seed % 3) + luck
        self.order.append((of.name, seed))

    def values(self, of: Combination) -> dict[int, float]:
        return {seed: value for (key, seed), value in self.made.items() if key == of.digest}

    def stepwise(self, of: Builder, most: int = 3, candidates: int = 6) -> Stepwise:
        rules = Rules(self.seeds, self.looks, 0.002, self.metric, 0.0001)
        return Stepwise(of, self.values, lambda: rules, most, candidates)

    def run(self, stepwise: Stepwise, trainings: int = 1000) -> Progress:
        """Make what is needed, one training after another, until so many are made."""
        while not (progress := stepwise.progress()).is_finished and trainings:
            of, seed = next(
                job for job in progress.steps[-1].needs() if job[1] not in self.values(job[0])
            )
            self.train(of, seed)
            trainings -= 1
        return progress


def additive(parts: set[str]) -> float:
    """Augmentation and dropout help, dropout by less; noise does nothing, l2 harms."""
    gains = {"augmentation": 0.03, "dropout": 0.02, "gaussian_noise": 0.0, "l2": -0.02}
    return sum(gains[part] for part in parts)


@pytest.mark.parametrize("looks", [(), (3, 5, 8)])
def test_adds_what_helps_and_nothing_else(looks: tuple[int, ...]) -> None:
    bench = Bench(additive, looks)
    progress = bench.run(bench.stepwise(builder()))
    assert progress.combination.regularizers == {"augmentation": True, "dropout": 0.25}
    assert [step.kind for step in progress.steps] == ["first", "add", "drop", "add"]
    assert progress.steps[0].chosen == "augmentation"
    # What harms alone is not tried on top.
    assert set(progress.not_tried) == {"l2", "stronger_l2"}
    # Looks end trainings early.
    assert (len(bench.order) < 8 * 10) == bool(looks)


def test_drops_what_another_makes_needless() -> None:
    def gain(parts: set[str]) -> float:
        return {
            frozenset({"augmentation"}): 0.03,
            frozenset({"dropout"}): 0.02,
            frozenset({"augmentation", "dropout"}): 0.05,
            frozenset({"l2"}): 0.01,
        }.get(frozenset(parts), 0.08 if {"dropout", "l2"} <= parts else 0.0)

    bench = Bench(gain)
    progress = bench.run(bench.stepwise(builder()))
    drops = [(step.kind, step.chosen) for step in progress.steps if step.chosen]
    assert ("drop", "augmentation") in drops
    assert set(progress.combination.parts) == {"dropout", "l2"}
    assert "augmentation" not in progress.combination.techniques


def test_where_nothing_helps_it_stays_with_the_baseline() -> None:
    bench = Bench(lambda parts: -0.01 * len(parts))
    progress = bench.run(bench.stepwise(builder()))
    assert progress.is_finished
    assert progress.combination.name == "baseline"
    assert {of.verdict for of in progress.steps[0].judged.values()} == {"worse"}


def test_a_metric_of_which_less_is_better() -> None:
    bench = Bench(additive)
    bench.metric, bench.higher = METRICS["cross_entropy"], -1.0
    progress = bench.run(bench.stepwise(builder()))
    assert set(progress.combination.parts) == {"augmentation", "dropout"}


def test_goes_on_from_what_is_there_to_the_same_end() -> None:
    whole = Bench(additive)
    end = whole.run(whole.stepwise(builder()))
    part = Bench(additive)
    assert not part.run(part.stepwise(builder()), 30).is_finished
    resumed = part.run(part.stepwise(builder()))
    assert resumed.combination == end.combination
    assert part.order == whole.order


def test_when_time_is_up_a_step_is_taken_from_what_is_judged() -> None:
    bench = Bench(additive)
    of = builder()
    for name in ("baseline", "dropout"):
        for seed in bench.seeds:
            bench.train(of.baseline if name == "baseline" else of.techniques[name], seed)
    assert bench.stepwise(of).progress().combination == of.baseline
    over = bench.stepwise(of).progress(is_over=True)
    assert over.combination.name == "dropout"
    assert not over.is_finished


@pytest.mark.parametrize("looks", [(), (3, 5, 8)])
def test_failed_trainings_decide_nothing(looks: tuple[int, ...]) -> None:
    nan = float("nan")
    bench = Bench(lambda parts: nan if "augmentation" in parts else additive(parts), looks)
    progress = bench.run(bench.stepwise(builder()))
    assert progress.combination.name == "dropout"
    tried = {name for step in progress.steps[1:] for name in step.candidates}
    assert "augmentation" not in {*tried, *progress.not_tried}  # it is told that it failed


def test_no_more_techniques_and_candidates_than_asked_for() -> None:
    bench = Bench(additive)
    assert bench.run(bench.stepwise(builder(), most=1)).combination.name == "augmentation"
    few = bench.run(bench.stepwise(builder(), candidates=1))
    [addition] = [step for step in few.steps if step.kind == "add"][:1]
    assert len(addition.candidates) == 1
    assert "noise" in few.not_tried


def test_combinations_are_named_and_recognised() -> None:
    of = builder()
    one = of.techniques
    assert of.combined(one["dropout"], one["noise"]).name == "both"
    assert of.combined(one["augmentation"], one["l2"]).name == "augmentation+l2"
    same, other = (of.combined(one[a], one[b]) for a, b in (("l2", "noise"), ("noise", "l2")))
    assert same.digest == other.digest
    with pytest.raises(CannotCombineError, match="two values for l2"):
        of.combined(one["l2"], one["stronger_l2"])
    assert of.without(of.combined(one["dropout"], one["l2"]), "l2").techniques == ("dropout",)


def test_what_cannot_be_built_is_left_out_and_said() -> None:
    techniques = {
        "baseline": {},
        "ema": {"ema": 0.99},
        "swa": {"swa": {"start": 0.5}},
        "l2": {"l2": 0.001},
    }
    bench = Bench(lambda parts: {"ema": 0.03, "swa": 0.02, "l2": 0.0}[min(parts)] if parts else 0)
    progress = bench.run(bench.stepwise(builder(techniques)))
    assert progress.combination.name == "ema"
    [(name, reason)] = progress.left_out.items()
    assert name == "ema + swa"
    assert "each average the weights: a technique can have one of them" in reason


def test_learning_rates_of_their_own_do_not_keep_techniques_apart() -> None:
    techniques = {
        "baseline": {"learning_rate": {"factor": 2.0}},
        "l2": {"l2": 0.001, "learning_rate": {"factor": 4.0}},
        "dropout": {"dropout": 0.25, "learning_rate": {"factor": 0.5}},
    }
    of = builder(techniques)
    both = of.combined(of.techniques["dropout"], of.techniques["l2"])
    assert both.regularizers["learning_rate"] == {"factor": 0.5}
    assert set(both.parts) == {"l2", "dropout"}
    assert of.without(both, "l2").digest == of.techniques["dropout"].digest
