"""Simulated studies that are judged look by look; a part of ``false_verdicts.py``.

See benchmarks/README.md for what is simulated and what came out.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regbench.comparison.sequential import interval as intervals
from regbench.comparison.sequential.design import Design
from regbench.comparison.sequential.outlook import chance_of_verdict

POINT, BAND = 0.01, 0.005
LARGE = 4 * BAND
LOOKS = (5, 8, 12, 20)
RULES = [
    Design(looks, 9, BAND, spending=spending)
    for looks in (LOOKS, (5, 7, 9, 12, 16, 20), (8, 12, 20, 40), (5, 8, 12, 20, 40))
    for spending in (0.5, 1.0, 1.5, 2.0, 2.25, 3.0)
]
AT_ONCE = 1_000_000  # accuracies in memory


@dataclass(frozen=True)
class Study:
    """A kind of study, and what is true in it; accuracies and differences are shares of 1.

    A training's expected accuracy varies with its seed, half of it in common with the others of
    that seed; its answers on the 8 % of the images that are not certain then come by chance.

    Attributes:
        truth: In words.
        differences: Of each technique to the baseline.
        sd: Standard deviation over seeds of a difference to the baseline, without mishaps.
        images: Number of judged images.
        heavy_tails: Whether seeds vary by Student's t with 3 degrees of freedom, not normally.
        mishaps: Probability that a training loses 3 points; around an unchanged mean.
        baseline_mishaps: The same of the baseline alone.
    """

    truth: str
    differences: tuple[float, ...]
    sd: float
    images: int
    heavy_tails: bool = False
    mishaps: float = 0.0
    baseline_mishaps: float = 0.0
    accuracy: float = 0.95
    certain: float = 0.92

    @property
    def noise(self) -> float:
        """Standard deviation of a training's expected accuracy."""
        uncertain = 1 - self.certain
        chance = (self.accuracy - self.certain) / uncertain
        return math.sqrt(self.sd**2 / 2 - uncertain * chance * (1 - chance) / self.images)

    @property
    def seeds_vary(self) -> str:
        """What a seed may do, in words."""
        if self.mishaps:
            return "a training in ten loses 3 points"
        if self.baseline_mishaps:
            return "a baseline training in ten loses 3 points"
        return "with heavy tails" if self.heavy_tails else "normally"


def proof(number: int) -> list[dict[str, Any]]:
    """Return a row for every kind of study, looks at 5, 8, 12 and 20 seeds."""
    return [
        measure(study, number, Design(LOOKS, len(study.differences), BAND), _generator(row))
        for row, study in enumerate(studies())
    ]


def rules(number: int) -> list[dict[str, Any]]:
    """Return a row for every rule: other looks, and errors spent earlier or later.

    Trainings are of a study with a mixed truth and a spread of 0.3 points; what is lost against one
    test is the most over differences at which a test at the last look finds half to nearly all.
    """
    mixed = Study("mixed", _cut((0.0, BAND, -LARGE, 0.0, -BAND, LARGE), 9), 0.003, 10_000)
    rows = []
    for design in RULES:
        row = measure(mixed, number, design, _generator(0))
        differing = [
            measure(_differing(size / math.sqrt(design.looks[-1])), number, design, _generator(0))
            for size in (3.0, 3.5, 4.0, 4.5)  # standard errors at the last look
        ]
        rows.append(
            {
                "looks": ", ".join(map(str, design.looks)),
                "spending": f"(n / {design.looks[-1]})^{design.spending:g}",
                "boundaries": ", ".join(f"{at:.2f}" for at in _boundaries(design)),
                "trainings": row["trainings"],
                "trainings of 20 seeds": row["trainings"] * design.looks[-1] / 20,
                "decided": row["decided"],
                "lost against one test": max(one["(one test)"] - one["found"] for one in differing),
            }
        )
    return rows


def extended(number: int) -> list[dict[str, Any]]:
    """Return a row for every truth: a study with undecided techniques gets a look at 40 seeds.

    All verdicts are then read anew, as if the later look had been planned.
    """
    before, after = (Design(looks, 9, BAND) for looks in (LOOKS, (*LOOKS, 40)))
    rows = []
    for truth, differences, sd in (
        ("all equal", (0.0,) * 9, 0.012),
        ("all equal", (0.0,) * 9, 0.006),
        ("all at the band's edge", _cut((BAND, -BAND, BAND), 9), 0.006),
    ):
        study, counts = Study(truth, differences, sd, 1200), []
        generator = _generator(0)
        most = AT_ONCE // 400
        for start in range(0, number, most):
            drawn = draw(study, min(most, number - start), 40, generator)
            first, then = (
                judge(drawn[..., : design.looks[-1]], design, 0.5 / study.images)
                for design in (before, after)
            )
            goes_on = (first.shown == intervals.NOTHING).any(axis=1)
            wrong_first, wrong_then = (
                np.logical_or(*_wrong(study, one.shown)).any(axis=1) for one in (first, then)
            )
            last = np.where(goes_on, wrong_then, wrong_first)
            counts.append((wrong_first, last, wrong_first | last))
        names = ("wrong after 20", "wrong in the end", "wrong at any time")
        shares = {name: _mean([one[n] for one in counts]) for n, name in enumerate(names)}
        rows.append({"what is true": truth, "sd, points": sd / POINT, **shares})
    return rows


def studies() -> list[Study]:
    """Return the kinds of studies, a row of the table each."""
    rows = []
    for number in (1, 9, 30):
        truths = {
            "all equal": (0.0,) * number,
            "all at the band's edge": _cut((BAND, -BAND, BAND), number),
            "mixed": _cut((0.0, BAND, -LARGE, 0.0, -BAND, LARGE), number),
            "all within half the band": _cut((BAND / 2, -BAND / 2, 0.0), number),
        }
        if number == 1:
            del truths["mixed"]
        for truth, differences in truths.items():
            small, large = (
                Study(truth, differences, *of) for of in ((0.003, 10_000), (0.006, 1200))
            )
            rows += [
                replace(small, sd=0.002),
                small,
                large,
                replace(large, sd=0.012),
                replace(large, sd=0.014, images=200),  # the band is one image
                replace(small, heavy_tails=True),
                replace(small, mishaps=0.1),
                replace(small, baseline_mishaps=0.1),
            ]
    return rows


def draw(study: Study, number: int, seeds: int, generator: np.random.Generator) -> np.ndarray:
    """Simulate the paired differences of whole studies.

    Returns:
        Float64, shape (studies, techniques, seeds).
    """

    def vary(*shape: int) -> np.ndarray:
        if study.heavy_tails:
            return generator.standard_t(3, shape) / math.sqrt(3)
        return generator.standard_normal(shape)

    arms = 1 + len(study.differences)
    common, own = vary(number, 1, seeds), vary(number, arms, seeds)
    rates = np.full((arms, 1), study.mishaps)
    rates[0] += study.baseline_mishaps
    lost = generator.random((number, arms, seeds)) < rates if rates.any() else 0.0
    truth = np.array([0.0, *study.differences])[:, None]
    expected = study.accuracy + truth + study.noise * (common + own) + 0.03 * (rates - lost)
    certain = round(study.certain * study.images)
    chance = np.clip((expected * study.images - certain) / (study.images - certain), 0, 1)
    accuracies = (certain + generator.binomial(study.images - certain, chance)) / study.images
    return np.asarray(accuracies[:, 1:] - accuracies[:, :1])


@dataclass(frozen=True)
class Judged:
    """What came out of simulated studies; all of shape (studies, techniques).

    Attributes:
        shown: What the interval shows: ABOVE, BELOW, WITHIN or NOTHING.
        mean: The mean difference.
        low: Lower end of the interval.
        high: Upper end of it.
        seeds: The number of trainings.
    """

    shown: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: np.ndarray


def judge(differences: np.ndarray, design: Design, smallest_sd: float) -> Judged:
    """Judge many studies look by look: ``sequential.judge`` on arrays, without failed trainings."""
    shape = differences.shape[:2]
    shown = np.zeros(shape, np.int8)
    means, low, high = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    seeds, open_ = np.zeros(shape, int), np.ones(shape, bool)
    for number, look in enumerate(design.looks, start=1):
        at = intervals.critical(design.looks[:number], design.shares[:number], design)
        values = differences[..., :look][open_]
        mean, sd = values.mean(axis=-1), np.maximum(values.std(axis=-1, ddof=1), smallest_sd)
        se = design.standard_error(1.0, look) * sd
        shown[open_] = intervals.read(mean, se, at, design.band)
        low[open_], high[open_] = intervals.interval(mean, se, at, design.band)
        means[open_], seeds[open_] = mean, look
        stays = shown[open_] == intervals.NOTHING
        if number < len(design.looks):
            stays &= chance_of_verdict(mean, sd, look, look, design) >= design.futility
        open_[open_] = stays
    return Judged(shown, means, low, high, seeds)


def measure(
    study: Study, number: int, design: Design, generator: np.random.Generator
) -> dict[str, Any]:
    """Measure one kind of study: a row of the table, shares of 1."""
    most = max(1, AT_ONCE // (1 + design.techniques) // design.looks[-1])
    counts: list[dict[str, np.ndarray]] = []
    for start in range(0, number, most):
        drawn = draw(study, min(most, number - start), design.looks[-1], generator)
        counts.append(_counts(study, design, drawn))
    return {
        "techniques": design.techniques,
        "what is true": study.truth,
        "sd, points": study.sd / POINT,
        "images": study.images,
        "seeds vary": study.seeds_vary,
        **{name: _mean([one[name] for one in counts]) for name in counts[0]},
    }


def _counts(study: Study, design: Design, drawn: np.ndarray) -> dict[str, np.ndarray]:
    truth, smallest_sd = np.array(study.differences), 0.5 / study.images
    staged, one_test = judge(drawn, design, smallest_sd), _one_test(drawn, design, smallest_sd)
    wrong_difference, wrong_equivalence = _wrong(study, staged.shown)
    outside = np.abs(truth) >= design.band
    held = (staged.low <= truth) & (truth <= staged.high)
    trainings = staged.seeds.sum(axis=1) + staged.seeds.max(axis=1)
    right = np.sign(truth)
    too_large = right * (staged.mean - truth) / POINT
    return {
        "wrong better or worse": wrong_difference.any(axis=1),
        "wrong equivalent": wrong_equivalence.any(axis=1),
        "any wrong": (wrong_difference | wrong_equivalence).any(axis=1),
        "all intervals hold": held.all(axis=1),
        "found": (staged.shown == right)[:, outside],
        "(one test)": (one_test == right)[:, outside],
        "equivalent found": (staged.shown == intervals.WITHIN)[:, ~outside],
        "(one pair of tests)": (one_test == intervals.WITHIN)[:, ~outside],
        "estimate too large, points": too_large[(staged.shown == right) & outside],
        "decided": staged.shown != intervals.NOTHING,
        "trainings": trainings / (design.looks[-1] * (1 + len(truth))),
    }


def _wrong(study: Study, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which verdicts of a difference are wrong, and which of equivalence."""
    truth = np.array(study.differences)
    difference = ((shown == intervals.ABOVE) & (truth <= 0)) | (
        (shown == intervals.BELOW) & (truth >= 0)
    )
    return difference, (shown == intervals.WITHIN) & (np.abs(truth) >= BAND)


def _differing(by: float) -> Study:
    """Return a study whose techniques all differ by so many standard deviations."""
    return Study("all differ", (by * 0.012,) * 9, 0.012, 1200)


def _boundaries(design: Design) -> list[float]:
    looks = range(1, len(design.looks) + 1)
    return [
        intervals.critical(design.looks[:number], design.shares[:number], design).difference
        for number in looks
    ]


def _one_test(differences: np.ndarray, design: Design, smallest_sd: float) -> np.ndarray:
    """Return the verdicts of t tests at the last look alone, each with a technique's whole error.

    A test of difference has two sides; equivalence takes two tests of one side each. Equivalence
    comes first.
    """
    from scipy import stats

    seeds = design.looks[-1]
    error = design.error / design.techniques
    mean = differences.mean(axis=-1)
    se = np.maximum(differences.std(axis=-1, ddof=1), smallest_sd) / math.sqrt(seeds)
    different = 2 * stats.t.sf(np.abs(mean) / se, seeds - 1) < error
    equivalent = stats.t.sf((design.band - np.abs(mean)) / se, seeds - 1) < error
    return np.where(
        equivalent, intervals.WITHIN, np.where(different, np.sign(mean), intervals.NOTHING)
    )


def _generator(row: int) -> np.random.Generator:
    return np.random.default_rng([0, row])  # of each row, so that others do not change it


def _cut(pattern: Sequence[float], number: int) -> tuple[float, ...]:
    return (tuple(pattern) * number)[:number]


def _mean(values: Sequence[np.ndarray]) -> float | None:
    together = np.concatenate([np.ravel(value) for value in values])
    return float(together.mean()) if together.size else None
