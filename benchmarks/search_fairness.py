"""Do equal budgets keep the comparison of tuned techniques fair? Simulated searches of no-ops.

See benchmarks/README.md for what is simulated and what came out.
"""

import argparse
import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.judge import judge
from regbench.comparison.verdicts import BETTER, WORSE
from regbench.regularizers.base import Range
from regbench.regularizers.learning_rate import LearningRate
from regbench.report.text_table import ReadableTable, as_markdown, print_table
from regbench.study.schema import BASELINE
from regbench.study.search import Searched
from regbench.study.tuning import Tuning
from regbench.tuning import points
from regbench.tuning.points import Values
from regbench.tuning.search import Plan, Scored

NO_OPS = {BASELINE: 0, "no-op of 1 setting": 1, "no-op of 3": 3, "no-op of 6": 6}
LOOKS, BAND, JUDGED = (5, 8, 12, 20), 0.005, 1200  # of the study that ships
EPOCHS = 15  # of a training there
EQUAL = dict.fromkeys(NO_OPS, 300)


@dataclass(frozen=True)
class Truth:
    """How good a technique is, by its learning rate; the no-op's own settings change nothing.

    Attributes:
        name: In words.
        curvature: The accuracy lost at ten times the best rate, or a tenth; a share of 1.
        best: The best factor on the protocol's rate.
        constant: The accuracy lost by a constant rate.
        trial_sd: Standard deviation of a trial's validation accuracy at one setting.
        difference_sd: Standard deviation over seeds of a difference on test images.
        alike: Whether trainings at the same learning rate with the same seed are the same, as those
            of a no-op are; otherwise as different as those with other seeds, as of techniques that
            are equally good.
    """

    name: str
    curvature: float
    best: float
    constant: float
    trial_sd: float = 0.004
    difference_sd: float = 0.003
    alike: bool = True

    def lost(self, values: Values) -> float:
        """Return the accuracy that some values lose, without noise; a share of 1."""
        factor = values.get("learning_rate.factor", 1.0)
        schedule = values.get("learning_rate.schedule", "protocol")
        away = math.log10(factor / self.best)
        return self.curvature * away**2 + (self.constant if schedule == "constant" else 0.0)


def plan(
    name: str, budget: Mapping[str, Any], seed: int, truth: Truth, noise: np.random.Generator
) -> Plan:
    """Return the search of a no-op: the learning rate, as for all, and its own settings.

    Args:
        name: One of ``NO_OPS``.
        budget: ``rule``, ``epochs`` and ``trials_per_setting``.
        seed: Of the points, as ``tuning.seeds``.
        truth: What scores are around.
        noise: Of the trials' scores.
    """
    tuning = Tuning.model_validate(
        {
            "budget": {"epochs": EQUAL[BASELINE], "trials_per_setting": 10, **budget},
            **{"sampler": "quasi_random", "pruner": None, "seeds": [seed]},
            **{"storage": None, "search": {}, "fixed": {}},
        }
    )
    own = LearningRate()
    searched = [
        *(Searched("no_op", f"s{n}", Range(0, 1), 0.5) for n in range(NO_OPS[name])),
        *(
            Searched("learning_rate", setting, over, getattr(own, setting))
            for setting, over in LearningRate.search.items()
        ),
    ]

    def train(values: Mapping[str, Any], *_: Any) -> Scored:
        generator = noise
        if truth.alike:
            rate = [values.get(f"learning_rate.{of}", "as it was") for of in LearningRate.search]
            generator = np.random.default_rng(zlib.crc32(repr([seed, rate]).encode()))
        luck = generator.normal(0, truth.trial_sd)
        return Scored(0.93 - truth.lost(dict(values)) + luck, EPOCHS, 1)

    return Plan(name, searched, tuning, "accuracy", dict, train, epochs=lambda _: EPOCHS)


def best_values(planned: Plan) -> Values:
    """Return the values of the best trial: what ``tuning.search.search`` finds, without Optuna.

    The benchmarks' tests hold the two against each other.
    """
    best, chosen = -math.inf, Values()
    budget = planned.tuning.budget
    trials = planned.most_trials
    if budget.rule == "epochs":
        trials = budget.epochs // planned.planned({})
    for point in range(trials):
        drawn = _point(tuple(planned.searched), point, planned.tuning.seeds[0])
        values = {of.label: points.rounded(of, drawn[of.label]) for of in planned.searched if drawn}
        score = planned.train(values, planned.tuning.seeds[0], lambda number, value: None).score
        if score > best:
            best, chosen = score, values
    return chosen


@cache
def _point(searched: tuple[Searched, ...], point: int, seed: int) -> Values:
    """Return the values of a trial; the first is the technique as it is."""
    return points.quasi_random(searched, point - 1, seed) if point else {}


def study(
    truth: Truth, budgets: Mapping[str, Mapping[str, Any]], seed: int
) -> tuple[dict[str, str], dict[str, float]]:
    """Simulate a study: search each no-op, train the best of each with the seeds, and judge.

    Returns:
        Verdicts on the no-ops against the tuned baseline; and what each of all lost in truth.
    """
    noise = np.random.default_rng(seed)
    lost = {
        name: truth.lost(best_values(plan(name, budgets[name], seed, truth, noise)))
        for name in NO_OPS
    }
    seeds = LOOKS[-1]
    each = truth.difference_sd / math.sqrt(2)  # of a training: two are independent, at worst
    luck = {of: noise.normal(0, each, seeds) for of in lost.values()}  # the same settings, the same
    accuracies = {
        name: 0.93 - of + (luck[of] if truth.alike else noise.normal(0, each, seeds))
        for name, of in lost.items()
    }
    counted = {name: np.round(of * JUDGED) / JUDGED for name, of in accuracies.items()}
    pairs = {name: of - counted[BASELINE] for name, of in counted.items() if name != BASELINE}
    found = judge(pairs, Design(LOOKS, len(pairs), BAND), smallest_sd=0.5 / JUDGED)
    return {name: of.verdict for name, of in found.items()}, lost


def row(
    truth: Truth, what: str, budgets: Mapping[str, Mapping[str, Any]], studies: int
) -> dict[str, Any]:
    """Simulate studies of one kind: a row of the table."""
    made = [study(truth, budgets, seed) for seed in range(studies)]
    different = [[of in {BETTER, WORSE} for of in verdicts.values()] for verdicts, _ in made]
    better = [[of == BETTER for of in verdicts.values()] for verdicts, _ in made]
    lost = {name: 100 * float(np.mean([of[name] for _, of in made])) for name in NO_OPS}
    return {
        "what is true": truth.name,
        "budget": what,
        "called different": float(np.any(different, axis=1).mean()),
        "called better": float(np.any(better, axis=1).mean()),
        **{f"{name} lost, points": of for name, of in lost.items()},
    }


def main() -> None:
    """Simulate, print the table and write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=1000, help="simulated per row")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    rows = [
        row(truth, what, budgets, arguments.studies)
        for truth in TRUTHS
        for what, budgets in BUDGETS.items()
    ]
    cells = [
        [
            f"{of:.2f}" if "points" in name else of if isinstance(of, str) else f"{of:.1%}"
            for name, of in one.items()
        ]
        for one in rows
    ]
    title = f"No-ops, tuned: {arguments.studies:,} studies per row"
    table = ReadableTable(title, list(rows[0]), cells, [])
    print_table(table)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for kind, text in (
        ("md", as_markdown(table)),
        ("json", json.dumps({"studies": arguments.studies, "rows": rows}, indent=1) + "\n"),
    ):
        (arguments.out / f"search_fairness.{kind}").write_text(text, encoding="utf-8")


def _budgets(rule: str, amounts: Sequence[int]) -> dict[str, dict[str, Any]]:
    key = "epochs" if rule == "epochs" else "trials_per_setting"
    return {name: {"rule": rule, key: of} for name, of in zip(NO_OPS, amounts, strict=True)}


BUDGETS = {
    "300 epochs each": _budgets("epochs", (300,) * 4),
    "10 trials a setting": _budgets("per_setting", (10,) * 4),
    "baseline not tuned": _budgets("epochs", (EPOCHS, 300, 300, 300)),
    "baseline a quarter": _budgets("epochs", (75, 300, 300, 300)),
}
TRUTHS = [
    Truth(f"{said}; {of}", curvature, best, constant, alike=alike)
    for of, alike in (("trainings the same", True), ("trainings as with other seeds", False))
    for said, curvature, best, constant in (
        ("2 points lost at ten times the best rate", 0.02, 1.5, 0.005),
        ("8 points lost", 0.08, 3.0, 0.02),
    )
]

if __name__ == "__main__":
    main()
