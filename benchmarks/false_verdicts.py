"""How often are the verdicts wrong? Simulated studies whose true differences are known.

See benchmarks/README.md for what is simulated and what came out.
"""

import argparse
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from regbench.comparison.statistics import (
    bootstrap_interval,
    detectable_difference,
    judge,
    paired_difference,
)
from regbench.comparison.verdicts import BETTER, EQUIVALENT, WORSE
from regbench.report.text_table import ReadableTable, as_markdown, print_table

NONE = (0.0,) * 9  # nine techniques, as many as RegBench ships, none of which differs


@dataclass(frozen=True)
class Setting:
    """A kind of study, and what is true in it; accuracies and differences are shares of 1."""

    name: str
    images: int
    noise: float  # standard deviation over runs of a run's expected accuracy
    differences: tuple[float, ...] = NONE  # of each technique to the baseline
    band: float = 0.001
    seeds: int = 5
    accuracy: float = 0.93  # the baseline's
    certain: float = 0.8  # share of images that every run gets right; on the others a run may err
    mishaps: float = 0.0  # probability that a run loses 3 points
    baseline_mishaps: float = 0.0

    @property
    def sd(self) -> float:
        """Standard deviation over seeds of a difference to the baseline, without mishaps."""
        uncertain = 1 - self.certain
        chance = (self.accuracy - self.certain) / uncertain
        by_chance = uncertain * chance * (1 - chance) / self.images
        return float((2 * (self.noise**2 + by_chance)) ** 0.5)


# Differences have the standard deviation over seeds that they have in the study that ships: about
# one percentage point.
USUAL = Setting("no difference", images=1200, noise=0.006)
DETECTABLE = detectable_difference(USUAL.sd, USUAL.seeds, len(NONE))
SETTINGS = [
    USUAL,
    Setting("no difference, MNIST's test part", 7350, 0.002),
    Setting("no difference, hardly any noise", 7350, 0.0001, certain=0.925),
    Setting("no difference, one technique", 1200, 0.006, (0.0,)),
    Setting("no difference, 30 techniques", 1200, 0.006, (0.0,) * 30),
    Setting("no difference, 20 seeds", 1200, 0.006, seeds=20),
    Setting("no difference, few images", 200, 0.006),
    Setting("no difference, few images", 50, 0.006),
    Setting("no difference, coarse steps", 50, 0.0, certain=0.92),
    Setting("no difference, coarse steps", 20, 0.0, certain=0.9),
    Setting("no difference, coarse steps, one technique", 20, 0.0, (0.0,), certain=0.9),
    Setting("no difference, one run in ten loses 3 points", 1200, 0.003, mishaps=0.1),
    Setting("no difference on average, mishaps in the baseline", 1200, 0.003, baseline_mishaps=0.1),
    Setting("no difference on average, mishaps in the baseline", 7350, 0.002, baseline_mishaps=0.1),
    Setting("all at the edge of the band", 1200, 0.002, (-0.01, 0.01, 0.01) * 3, 0.01),
    Setting("all at the edge of the band", 7350, 0.0001, (0.001,) * 9, certain=0.925),
    Setting("all at the edge, coarse steps", 50, 0.0, (0.02,) * 9, 0.02, certain=0.92),
    Setting("all twice the band, steps of 20 bands", 50, 0.0, (0.002,) * 9, 0.001, 5, 0.921, 0.92),
    Setting("three equal, three at the edge, three large", 1200, 0.002, (0, 0.01, 0.04) * 3, 0.01),
    Setting("all within half the band", 7350, 0.0001, (0.0005, -0.0005, 0) * 3, certain=0.925),
    Setting("one of nine differs by what can be detected", 1200, 0.006, (DETECTABLE, *NONE[1:])),
]  # fmt: skip


def main() -> None:
    """Simulate, print the tables and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20_000, help="simulated per setting")
    parser.add_argument("--bootstraps", type=int, default=500, help="simulated per row")
    parser.add_argument("--parts", default="one_look,looks", help="the others stay as they are")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    as_json = arguments.out / "false_verdicts.json"
    figures = json.loads(as_json.read_text(encoding="utf-8")) if as_json.exists() else {}
    if "one_look" in arguments.parts.split(","):
        figures |= {"studies": arguments.studies, "bootstraps": arguments.bootstraps}
        figures |= _of_one_look(arguments.studies, arguments.bootstraps)
    if "looks" in arguments.parts.split(","):
        figures |= {"studies_with_looks": arguments.studies}
        figures |= _of_looks(arguments.studies)
    tables = []
    for key, title in (
        ("verdicts", f"Wrong verdicts in {figures.get('studies', 0):,} studies per row"),
        ("coverage", f"95 % intervals in {figures.get('bootstraps', 0):,} comparisons per row"),
        (
            "looks",
            f"Looks at 5, 8, 12, 20: {figures.get('studies_with_looks', 0):,} studies per row",
        ),
        ("rules", "Other looks and spending: nine techniques, sd 0.3 points, band 0.5, mixed"),
        ("extended", "A look at 40 seeds added where 20 left a technique undecided"),
    ):
        if rows := figures.get(key):
            cells = [[_cell(*one) for one in row.items()] for row in rows]
            tables.append(ReadableTable(title, list(rows[0]), cells, []))
            print_table(tables[-1])
    for path, text in (
        (as_json.with_suffix(".md"), "\n".join(as_markdown(table) for table in tables)),
        (as_json, json.dumps(figures, indent=1) + "\n"),
    ):
        path.write_text(text, encoding="utf-8")


def _of_one_look(studies: int, bootstraps: int) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        "verdicts": [shares_of_verdicts(one, studies, generator) for one in SETTINGS],
        "coverage": [
            shares_of_coverage(images, seeds, interaction, bootstraps, generator)
            for images in (1200, 7350)
            for seeds in (5, 20)
            for interaction in (0.0, 1.0)
        ],
    }


def _of_looks(studies: int) -> dict[str, Any]:
    sys.path.insert(0, str(Path(__file__).parents[1]))  # this file is run by its path, too
    from benchmarks import staged_looks

    return {
        "looks": staged_looks.proof(studies),
        "rules": staged_looks.rules(max(1, studies // 4)),
        "extended": staged_looks.extended(studies),
    }


def draw_accuracies(setting: Setting, studies: int, generator: np.random.Generator) -> np.ndarray:
    """Simulate the accuracies of whole studies.

    A run's expected accuracy varies with its seed, partly in common with the other techniques'
    runs of that seed; its answers on the images that are not certain then come by chance.

    Returns:
        Float64, shape (studies, 1 + techniques, seeds), the baseline first.
    """
    shape = (studies, 1 + len(setting.differences), setting.seeds)
    common = generator.normal(0, setting.noise, (studies, 1, setting.seeds))
    own = generator.normal(0, setting.noise, shape)
    mishap_rate = np.full((shape[1], 1), setting.mishaps)
    mishap_rate[0] += setting.baseline_mishaps
    # Mishaps strike around an unchanged mean.
    mishaps = 0.03 * (mishap_rate - (generator.random(shape) < mishap_rate))
    differences = np.array([0.0, *setting.differences])[:, None]
    expected = setting.accuracy + differences + common + own + mishaps
    certain = round(setting.certain * setting.images)
    uncertain = setting.images - certain
    chance = (expected * setting.images - certain) / uncertain
    correct = certain + generator.binomial(uncertain, np.clip(chance, 0, 1))
    return correct / setting.images


def verdicts_on(setting: Setting, accuracies: np.ndarray, steps: bool = True) -> np.ndarray:
    """Judge simulated studies, with or without knowing that accuracies move in steps of an image.

    Returns:
        Text, shape (studies, techniques).
    """
    images = setting.images if steps else 10**12
    verdicts = [
        judgement.verdict
        for baseline, *others in accuracies
        for judgement in judge(
            {
                str(number): paired_difference(technique, baseline, setting.band, images)
                for number, technique in enumerate(others)
            }
        ).values()
    ]
    return np.array(verdicts, object).reshape(len(accuracies), len(setting.differences))


def wrong_differences(setting: Setting, verdicts: np.ndarray) -> np.ndarray:
    """Which studies call a technique better or worse that is not; bool, shape (studies,)."""
    true = np.array(setting.differences)
    wrong = ((verdicts == BETTER) & (true <= 0)) | ((verdicts == WORSE) & (true >= 0))
    return np.asarray(wrong.any(axis=1))


def wrong_equivalences(setting: Setting, verdicts: np.ndarray) -> np.ndarray:
    """Which studies call a technique equivalent that is not; bool, shape (studies,)."""
    outside = np.abs(setting.differences) >= setting.band
    return np.asarray(((verdicts == EQUIVALENT) & outside).any(axis=1))


def right_differences(setting: Setting, verdicts: np.ndarray) -> np.ndarray:
    """Which techniques that differ are found to; bool, shape (studies, those techniques)."""
    true = np.array(setting.differences)
    found = np.where(true > 0, verdicts == BETTER, verdicts == WORSE)
    return np.asarray(found[:, np.abs(true) > setting.band])


def shares_of_verdicts(
    setting: Setting, studies: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Measure one setting: a row of the table."""
    accuracies = draw_accuracies(setting, studies, generator)
    verdicts = verdicts_on(setting, accuracies)
    differences = accuracies[:, 1:] - accuracies[:, :1]
    sds = differences.std(axis=2, ddof=1)
    coarse = (sds < 0.5 / setting.images).any(axis=1)  # elsewhere the plain tests are the same
    plain = verdicts.copy()
    plain[coarse] = verdicts_on(setting, accuracies[coarse], steps=False)
    inside = np.abs(setting.differences) < setting.band
    return {
        "what is true": setting.name,
        "images": setting.images,
        "techniques": len(setting.differences),
        "seeds": setting.seeds,
        "step / sd": (1 / setting.images) / float(np.sqrt(np.mean(sds**2))),
        "wrong better or worse": _share(wrong_differences(setting, verdicts)),
        "(plain t test)": _share(wrong_differences(setting, plain)),
        "wrong equivalent": _share(wrong_equivalences(setting, verdicts)),
        "(plain tests)": _share(wrong_equivalences(setting, plain)),
        "found": _share(right_differences(setting, verdicts)),
        "equivalent found": _share((verdicts == EQUIVALENT)[:, inside]),
    }


def shares_of_coverage(
    images: int, seeds: int, interaction: float, comparisons: int, generator: np.random.Generator
) -> dict[str, Any]:
    """Measure how often 95 % intervals hold the true difference, which is 0.

    Technique and baseline find images easy or hard in the same way, and beyond that each finds
    some images easier (``interaction``, standard deviation of a logit). Over all images they are
    equally good; on those of one study one of them is luckier.
    """
    in_t, in_bootstrap, t_widths, bootstrap_widths, luck = [], [], [], [], []
    for number in range(comparisons):
        difficulty = generator.normal(5, 2.5, images)
        leanings = generator.normal(0, interaction, (2, 1, images))
        runs = generator.normal(0, 0.2, (2, seeds, 1))
        chances = 1 / (1 + np.exp(-(difficulty + leanings + runs)))
        technique, baseline = generator.random(chances.shape) < chances
        of = paired_difference(technique.mean(axis=1), baseline.mean(axis=1), 0.001, images)
        low, high = bootstrap_interval(technique, baseline, resamples=1000, seed=number)
        in_t.append(of.low <= 0 <= of.high)
        in_bootstrap.append(low <= 0 <= high)
        t_widths.append(of.high - of.low)
        bootstrap_widths.append(high - low)
        typical = 1 / (1 + np.exp(-(difficulty + leanings[:, 0])))
        luck.append(np.subtract(*typical.mean(axis=1)))
    return {
        "images": images,
        "seeds": seeds,
        "luck with the images, points": 100 * float(np.std(luck)),
        "paired t holds 0": _share(in_t),
        "t width, points": 100 * float(np.mean(t_widths)),
        "bootstrap holds 0": _share(in_bootstrap),
        "bootstrap width, points": 100 * float(np.mean(bootstrap_widths)),
    }


def _share(which: Iterable[bool] | np.ndarray) -> float | None:
    values = np.asarray(which)
    return float(values.mean()) if values.size else None


def _cell(name: str, value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if "points" in name or "/" in name else f"{value:.1%}"
    return "–" if value is None else str(value)


if __name__ == "__main__":
    main()
