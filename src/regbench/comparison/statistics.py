"""Tests of differences in a metric between techniques and a baseline, paired by seed.

Assumptions: the differences of paired trainings are a sample from those with other seeds, and
approximately normal. Five seeds easily miss a fault that occurs in one of ten trainings, in the
technique only or the baseline only. With one split all trainings are evaluated on the same images,
so a verdict is about these images; ``bootstrap_interval`` varies them too. Where every seed has its
own split, splits of one set share images, and the differences depend on one another:
``variance_ratio`` allows for that. ``benchmarks/README.md`` has simulated error rates.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.metrics.base import Answers, Metric

MIN_SEEDS = 5
_VALUES_AT_ONCE = 2**21  # of a matrix of resampled images: 16 MB
LEVEL = 0.05  # significance level: the share of studies that may have a wrong verdict


@dataclass(frozen=True)
class PairedDifference:
    """A technique's metric minus the baseline's, over trainings paired by seed.

    Differences are in the metric's stored unit: shares of 1, or nats. Values that need more seeds
    are NaN.

    Attributes:
        seeds: Number of pairs.
        mean: Mean difference.
        sd: Standard deviation of the differences (n - 1), at least half a step of the metric.
        low: Lower end of the 95 % paired t interval.
        high: Upper end of it.
        p_value: Of the two-sided paired t test.
        p_equivalence: Of the two one-sided tests that the mean lies within the band.
        win_share: Share of pairs in which the technique is better; ties count half.
        higher_is_better: Whether a difference above 0 is one for the better.
    """

    seeds: int
    mean: float
    sd: float
    low: float
    high: float
    p_value: float
    p_equivalence: float
    win_share: float
    higher_is_better: bool = True


@dataclass(frozen=True)
class Judgement:
    """The verdict on a technique, and its p values, corrected over techniques."""

    p_adjusted: float
    p_equivalence_adjusted: float
    verdict: str


def paired_difference(
    technique: np.ndarray,
    baseline: np.ndarray,
    band: float,
    images: int,
    *,
    step: float | None = None,
    higher_is_better: bool = True,
    variance_ratio: float = 0.0,
) -> PairedDifference:
    """Return the paired difference of a metric, with t tests of difference and equivalence.

    The t test is that of ``scipy.stats.ttest_rel``; equivalence is tested by two one-sided t tests
    (Schuirmann 1987). One exception: accuracies are multiples of one image, so the differences may
    be the same in every pair, and a t test would be certain. Values on two neighbouring multiples
    have a standard deviation of at most half an image. A smaller one cannot be distinguished from
    rounding, so half an image is used; of another metric, half its ``step``.

    Where every seed has its own split of one set, the variance of the mean is not s²/n: what n
    splits share does not average out. It is then s² (1/n + n_test / n_train), with n - 1 degrees of
    freedom (Nadeau and Bengio, Inference for the Generalization Error, 2003; for repeated k-fold
    Bouckaert and Frank, 2004, where it is 1 / (k - 1) if all other images are trained on).

    Args:
        technique: The metric by seed, NaN where there is none; float, shape (seeds,).
        baseline: The baseline's, in the same order.
        band: Of practical equivalence: the largest difference that counts as none, in the metric's
            stored unit.
        images: Number of images that the values are of.
        step: The least amount by which one more right answer changes the metric; by default one
            image.
        higher_is_better: Whether more is better.
        variance_ratio: n_test / n_train, the judged by the train images; 0 for a single split.

    Raises:
        ValueError: The values do not pair up, or there are no images.
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
        return PairedDifference(0, nan, nan, nan, nan, nan, nan, nan, higher_is_better)
    mean = float(differences.mean())
    gains = differences if higher_is_better else -differences
    win_share = float((0.5 + 0.5 * np.sign(gains)).mean())
    if seeds == 1:
        return PairedDifference(1, mean, nan, nan, nan, nan, nan, win_share, higher_is_better)
    sd = max(float(differences.std(ddof=1)), 0.5 * (step or 1 / images))
    error = standard_error(sd, seeds, variance_ratio)
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
        higher_is_better=higher_is_better,
    )


def standard_error(sd: float, seeds: int, variance_ratio: float = 0.0) -> float:
    """Return the standard error of a mean over seeds, see ``paired_difference``.

    Args:
        sd: Standard deviation over the seeds (n - 1).
        seeds: Their number.
        variance_ratio: The judged images by the train images; 0 for a single split.
    """
    return sd * math.sqrt(1 / seeds + variance_ratio)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p values corrected for multiple testing (Holm 1979).

    Same as ``statsmodels.stats.multitest.multipletests(method="holm")``, which runs the garbage
    collector on every call: simulating thousands of studies would take minutes.

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
    """Return the verdict on every technique, with corrected p values.

    A technique is *equivalent* if its mean difference is shown to lie within the band, even where
    it is shown not to be zero; otherwise *better* or *worse* if it is shown not to be zero;
    otherwise *undecided*. With fewer than ``MIN_SEEDS`` seeds it is *descriptive only*, and is not
    counted in the corrections.

    Differences and equivalences are corrected separately, each over all techniques. Holm's
    method holds for p values that depend on one another, as these do through the baseline, so at
    most 5 % of studies call a technique without a difference better or worse, and at most 5 %
    call one outside the band equivalent. No technique is open to both errors, so taking a verdict
    from two tests adds none: calling some differences equivalent only removes findings.

    Args:
        differences: By technique, all with the same band; in a study of several networks those
            on all of them, as one family.
    """
    tested = {name: paired for name, paired in differences.items() if paired.seeds >= MIN_SEEDS}
    p_values = dict(zip(tested, holm([paired.p_value for paired in tested.values()]), strict=True))
    p_equivalences = dict(
        zip(tested, holm([paired.p_equivalence for paired in tested.values()]), strict=True)
    )
    untested = Judgement(float("nan"), float("nan"), DESCRIPTIVE)
    return {
        name: Judgement(
            float(p_values[name]),
            float(p_equivalences[name]),
            _verdict(difference, p_values[name], p_equivalences[name]),
        )
        if name in tested
        else untested
        for name, difference in differences.items()
    }


def bootstrap_interval(
    technique_correct: np.ndarray,
    baseline_correct: np.ndarray,
    resamples: int = 5000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the mean difference, over seeds and images.

    Percentile bootstrap (Efron and Tibshirani 1993, chapter 13) over two crossed factors (Owen
    2007): seeds and images are drawn with replacement, the same ones for technique and baseline.
    Unlike a t test it does not allow for the uncertain spread of few seeds: its coverage is in
    ``benchmarks/README.md``.

    Args:
        technique_correct: Which images each training predicts correctly; bool, seeds x images.
        baseline_correct: The baseline's, the same seeds and images in the same order.
        resamples: Number of draws.
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
    # Images with the same differences in all trainings are interchangeable, and there are few kinds
    # of them: it is enough to draw the number of images of each kind.
    kinds, counts = np.unique(differences, axis=1, return_counts=True)
    generator = np.random.default_rng(seed)
    seed_shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), resamples) / seeds
    image_shares = generator.multinomial(images, counts / images, resamples) / images
    means = np.sum((seed_shares @ kinds) * image_shares, axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def bootstrap_interval_of(
    metric: Metric,
    technique: Sequence[Answers],
    baseline: Sequence[Answers],
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the interval of ``bootstrap_interval`` for any metric, from the answers themselves.

    Args:
        metric: Computed anew from every draw of images.
        technique: The answers of each training.
        baseline: The baseline's, the same seeds and images in the same order.
        resamples: Number of draws.
        seed: Of the draws.

    Returns:
        Lower and upper end, in the metric's stored unit.
    """
    seeds, images = len(technique), len(technique[0].targets)
    generator = np.random.default_rng(seed)
    means = []
    at_once = max(1, _VALUES_AT_ONCE // max(images, technique[0].classes))
    for start in range(0, resamples, at_once):
        draws = min(at_once, resamples - start)
        shares = generator.multinomial(seeds, np.full(seeds, 1 / seeds), draws) / seeds
        counts = generator.multinomial(images, np.full(images, 1 / images), draws)
        weights = counts.astype(np.float64)
        differences = [
            metric.score(one, weights) - metric.score(other, weights)
            for one, other in zip(technique, baseline, strict=True)
        ]
        means.append((shares * np.stack(differences, axis=1)).sum(axis=1))
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def detectable_difference(
    sd: float, seeds: int, comparisons: int, power: float = 0.8, variance_ratio: float = 0.0
) -> float:
    """Return the smallest true difference that a study finds with probability ``power``.

    For the paired t test at Holm's strictest step: exact if no other technique differs, a little
    pessimistic otherwise. Only findings with the right sign count.

    Args:
        sd: Standard deviation of the differences over seeds, as in ``PairedDifference``.
        seeds: Number of pairs.
        comparisons: Number of techniques compared with the baseline.
        power: The probability.
        variance_ratio: As of ``paired_difference``.

    Returns:
        In the unit of ``sd``; NaN with fewer than two seeds.
    """
    from scipy.special import nctdtrinc, stdtrit  # noqa: PLC0415 - slow to import

    if seeds < 2:
        return float("nan")
    critical = stdtrit(seeds - 1, 1 - LEVEL / comparisons / 2)
    # The noncentral t distribution that exceeds the critical value with the stated probability.
    noncentrality = float(nctdtrinc(seeds - 1, 1 - power, critical))
    return noncentrality * standard_error(sd, seeds, variance_ratio)


def _verdict(difference: PairedDifference, p_value: float, p_equivalence: float) -> str:
    if p_equivalence < LEVEL:
        return EQUIVALENT
    if p_value < LEVEL:
        return BETTER if (difference.mean > 0) == difference.higher_is_better else WORSE
    return UNDECIDED
