"""Is a difference in accuracy real? Techniques against a baseline, over trainings paired by seed.

What the tests rest on: the differences of the paired trainings are a sample from those that the
study could have had with other seeds, and are spread about normally. What goes wrong in one of
ten, in the technique only or the baseline only, is easily missed by five seeds. The images are the
same for all trainings, so a verdict is about these images; ``bootstrap_interval`` varies them too.
``benchmarks/README.md`` tells how often verdicts are wrong, by simulation.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE

MIN_SEEDS = 5
LEVEL = 0.05  # the share of studies that may hold a wrong verdict


@dataclass(frozen=True)
class PairedDifference:
    """A technique's accuracy minus the baseline's, over trainings paired by seed.

    What cannot be had from so few seeds is NaN. Accuracies are shares of 1.

    Attributes:
        seeds: How many pairs.
        mean: Their mean difference.
        sd: Its standard deviation over seeds (n - 1), at least half an image.
        low: Lower end of the 95 % paired-t interval.
        high: Its upper end.
        p_value: Of the two-sided paired t test.
        p_equivalence: Of the two one-sided tests that the mean lies within the band.
        win_share: The probability that a training beats the baseline's; ties count half.
    """

    seeds: int
    mean: float
    sd: float
    low: float
    high: float
    p_value: float
    p_equivalence: float
    win_share: float


@dataclass(frozen=True)
class Judgement:
    """The verdict on a technique, and the p values behind it, corrected over techniques."""

    p_adjusted: float
    p_equivalence_adjusted: float
    verdict: str


def paired_difference(
    technique: np.ndarray, baseline: np.ndarray, band: float, images: int
) -> PairedDifference:
    """Compare accuracies over the same images, training by training.

    The t test is that of ``scipy.stats.ttest_rel``, and equivalence is tested by two one-sided t
    tests (Schuirmann 1987), with one exception. An accuracy moves in steps of one image: trainings
    may differ by the same number of images in every pair, and a t test would then be certain.
    Values on two neighbouring steps have a standard deviation of half a step at most, so less
    than that cannot be told apart from chance and the standard deviation is taken to be that.

    Args:
        technique: An accuracy per seed, NaN where a training has none; float, shape (seeds,).
        baseline: The baseline's, in the same order.
        band: Differences of at most so much are practically none, a share of 1.
        images: How many images the accuracies are over.

    Raises:
        ValueError: The accuracies do not pair up, or there are no images.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415 - slow to import

    if technique.ndim != 1 or technique.shape != baseline.shape:
        raise ValueError(f"accuracies do not pair up: {technique.shape} and {baseline.shape}")
    if images < 1:
        raise ValueError(f"accuracies over {images} images")
    differences = technique - baseline
    differences = differences[~np.isnan(differences)]
    seeds = len(differences)
    nan = float("nan")
    if seeds == 0:
        return PairedDifference(0, nan, nan, nan, nan, nan, nan, nan)
    mean = float(differences.mean())
    win_share = float((0.5 + 0.5 * np.sign(differences)).mean())
    if seeds == 1:
        return PairedDifference(1, mean, nan, nan, nan, nan, nan, win_share)
    sd = max(float(differences.std(ddof=1)), 0.5 / images)
    error = sd / math.sqrt(seeds)
    freedom = seeds - 1
    half_width = float(stdtrit(freedom, 0.975)) * error
    return PairedDifference(
        seeds,
        mean,
        sd,
        mean - half_width,
        mean + half_width,
        p_value=2 * float(stdtr(freedom, -abs(mean) / error)),
        p_equivalence=float(stdtr(freedom, (abs(mean) - band) / error)),
        win_share=win_share,
    )


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Correct p values for their number (Holm 1979).

    As ``statsmodels.stats.multitest.multipletests(method="holm")``, which collects garbage on
    every call: thousands of simulated studies would take minutes.

    Args:
        p_values: NaN where there is none; it stays NaN and is not counted.

    Returns:
        Adjusted p values in the same order, float64.
    """
    values = np.asarray(p_values, dtype=float)
    known = np.flatnonzero(~np.isnan(values))
    ascending = known[np.argsort(values[known])]
    factors = np.arange(len(known), 0, -1)
    adjusted = np.full(len(values), np.nan)
    adjusted[ascending] = np.minimum(1, np.maximum.accumulate(values[ascending] * factors))
    return adjusted


def judge(differences: Mapping[str, PairedDifference]) -> dict[str, Judgement]:
    """Say of every technique whether its difference to the baseline is real.

    A technique is *equivalent* if its mean difference is shown to lie within the band, even where
    it is shown not to be zero; otherwise *better* or *worse* if it is shown not to be zero;
    otherwise *undecided*. With fewer than ``MIN_SEEDS`` seeds it gets no verdict and counts in no
    correction.

    Differences and equivalences are corrected separately, each over all techniques. Holm's
    method holds for p values that depend on one another, as these do through the baseline, so at
    most 5 % of studies call a technique without a difference better or worse, and at most 5 %
    call one outside the band equivalent. No technique is open to both errors, so taking a verdict
    from two tests adds none: calling some differences equivalent only removes findings.

    Args:
        differences: By technique, all with the same band.
    """
    enough = {name: of for name, of in differences.items() if of.seeds >= MIN_SEEDS}
    p_values = dict(zip(enough, holm([of.p_value for of in enough.values()]), strict=True))
    p_equivalences = dict(
        zip(enough, holm([of.p_equivalence for of in enough.values()]), strict=True)
    )
    nothing = Judgement(float("nan"), float("nan"), DESCRIPTIVE)
    return {
        name: Judgement(
            float(p_values[name]),
            float(p_equivalences[name]),
            _verdict(difference.mean, p_values[name], p_equivalences[name]),
        )
        if name in enough
        else nothing
        for name, difference in differences.items()
    }


def bootstrap_interval(
    technique_correct: np.ndarray,
    baseline_correct: np.ndarray,
    resamples: int = 5000,
    seed: int = 0,
) -> tuple[float, float]:
    """Where the mean difference lies if both seeds and images had come out otherwise.

    Draws seeds and images with replacement, the same ones for technique and baseline, and takes
    the middle 95 % of the mean differences (Efron and Tibshirani 1993, chapter 13; over two
    crossed factors: Owen 2007). Five seeds hold little information about their spread, and a
    bootstrap, unlike a t test, does not allow for that: see ``benchmarks/README.md`` for how
    often the interval holds the true difference.

    Args:
        technique_correct: Which images each training got right; bool, seeds x images.
        baseline_correct: The baseline's, the same seeds and images in the same order.
        resamples: How many draws.
        seed: Of the draws.

    Returns:
        Lower and upper end, shares of 1.

    Raises:
        ValueError: The trainings do not pair up, or there are none.
    """
    if technique_correct.shape != baseline_correct.shape or not technique_correct.size:
        raise ValueError(
            f"answers do not pair up: {technique_correct.shape} and {baseline_correct.shape}"
        )
    differences = technique_correct.astype(np.int8) - baseline_correct.astype(np.int8)
    seeds, images = differences.shape
    # Images on which all trainings differ alike are interchangeable, and most are of a few kinds:
    # it is enough to draw how many of each kind there are.
    kinds, counts = np.unique(differences, axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    seed_shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    image_shares = generator.multinomial(images, counts / images, resamples) / images
    means = np.sum((seed_shares @ kinds) * image_shares, axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def detectable_difference(sd: float, seeds: int, comparisons: int, power: float = 0.8) -> float:
    """The smallest true difference that a study finds with the stated probability.

    The paired t test at Holm's strictest step, so the figure holds if no other technique differs
    and is a little pessimistic otherwise; a difference is found if its sign is right too.

    Args:
        sd: Of the differences over seeds, as in ``PairedDifference``.
        seeds: How many pairs.
        comparisons: How many techniques are compared with the baseline.
        power: The probability.

    Returns:
        In the unit of ``sd``; NaN with fewer than two seeds.
    """
    from scipy.special import nctdtrinc, stdtrit  # noqa: PLC0415 - slow to import

    if seeds < 2:
        return float("nan")
    critical = stdtrit(seeds - 1, 1 - LEVEL / comparisons / 2)
    # The noncentral t distribution that exceeds the critical value with the stated probability.
    noncentrality = float(nctdtrinc(seeds - 1, 1 - power, critical))
    return noncentrality * sd / math.sqrt(seeds)


def _verdict(mean: float, p_value: float, p_equivalence: float) -> str:
    if p_equivalence < LEVEL:
        return EQUIVALENT
    if p_value < LEVEL:
        return BETTER if mean > 0 else WORSE
    return UNDECIDED
