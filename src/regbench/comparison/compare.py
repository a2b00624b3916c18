"""The comparison of all techniques with the baseline, paired by seed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison.differences import differences_to_baseline
from regbench.comparison.looks import standing
from regbench.comparison.scope import scope_of, verdicts_over_images
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.evaluation.resampling import Resampling, seeds_of, split_of_seed
from regbench.evaluation.results import FAILED, TRAINED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import Answers, Metric
from regbench.metrics.registry import DEFAULT, METRICS, metric_named
from regbench.study.arms import arm_named, networks_in
from regbench.study.fingerprints import changed_components
from regbench.study.looks import arm_of_namespace

DIED = "its task ended without results"  # reason where the scheduler reports a failed task
UNTRAINED, STALE = "not trained", "stale"  # a technique's status, besides those of trainings


def set_aside_stale(
    results: Mapping[str, Results], current: Mapping[str, Mapping[str, str]], seeds: Sequence[int]
) -> tuple[dict[str, Results], dict[str, str]]:
    """Return the results without stale trainings, and why trainings are stale.

    Args:
        results: By technique, as stored.
        current: Current fingerprints by technique.
        seeds: Those of the study; trainings with other seeds are left out.

    Returns:
        The results of trainings that are up to date, by technique; and for every technique with
        stale trainings, what has changed since.
    """
    fresh, stale = {}, {}
    for technique, stored in results.items():
        of_study = stored.of_seeds(seeds)
        changes = {
            int(training["seed"]): changed_components(_recorded(training), current[technique])
            for training in of_study.trainings.to_dict("records")
        }
        fresh[technique] = of_study.of_seeds(seed for seed, words in changes.items() if not words)
        reasons = dict.fromkeys(word for words in changes.values() for word in words)
        if reasons:
            stale[technique] = f"changed since: {', '.join(reasons)}"
    return fresh, stale


def failures(results: Mapping[str, Results]) -> list[str]:
    """Return a line for every failed training: technique, seed, reason."""
    return [
        f"{technique} seed {training.seed} ({training.reason})"
        for technique, stored in results.items()
        if not stored.trainings.empty
        for training in stored.trainings[stored.trainings["status"] == FAILED].itertuples()
    ]


def failure(row: Mapping[Any, Any]) -> str:
    """Return how a technique failed, in one line, from its row of the comparison."""
    trainings = (
        f"{row['failed_trainings']} of {row['trainings']} trainings "
        if row["failed_trainings"]
        else ""
    )
    return f"{row['technique']}: {trainings}failed: {' '.join(row['reason'].split())}"


def compare(
    results: Mapping[str, Results],
    stale: Mapping[str, str],
    band: float,
    published: Mapping[str, float] | None = None,
    seeds: int = 0,
    died: Iterable[str] = (),
    metric: str = DEFAULT,
    largest_class: float | None = None,
    resampling: Resampling | None = None,
    looks: Sequence[int] = (),
) -> pd.DataFrame:
    """Return the comparison of all techniques with the baseline.

    In a study of several networks every technique is compared with the baseline of the same
    network, and the correction is over all techniques on all networks.

    Args:
        results: By arm (a technique, or one on a network), only trainings that are up to date;
            may be empty.
        stale: Arms with stale trainings, and why.
        band: Of practical equivalence: the largest difference that counts as none, in the metric's
            stored unit: a share of 1, or nats.
        published: Published accuracies by technique, shares of 1.
        seeds: The number of trainings that each technique should have.
        died: Techniques whose task failed according to the scheduler; ``after_5.l2``, too.
        metric: The metric that decides; on the judged part it is the headline.
        largest_class: The headline of always answering the largest class, from
            ``of_largest_class``.
        resampling: From ``resampling_of``: how far splits differ if every seed has its own.
        looks: The numbers of seeds after which the study is judged; empty: once, with all seeds.

    Returns:
        A row per technique, the best headline first, techniques without figures last; in a study
        of several networks these rows for each network, in the networks' order.
        Columns: network, only where there are several; technique; status (trained, failed, stale
        or not trained); trainings, failed_trainings and missing_trainings; reason;
        validation_accuracy and (in a study with a test part) test_accuracy with ``_sd``, the
        standard deviation over seeds (n - 1);
        difference: the headline minus the baseline's, mean over the seeds that both have, with
        sd, low and high (95 % paired t interval), p_value, p_adjusted (Holm over techniques),
        bootstrap_low and bootstrap_high (over seeds and images, where every seed judges the same
        images), win_share,
        detectable_difference (80 % power), verdict and verdict_over_images (with the luck of the
        images allowed for), further_seeds (what an undecided one would take, if mean and spread
        stayed as they are; empty if no affordable number); means of other figures over seeds;
        published_accuracy; metric, its name, largest_class, scope, what verdicts are about, and
        variance_ratio (see ``paired_difference``), the same in every row. Empty columns are left
        out. Figures are shares of 1, cross-entropies and
        log-likelihoods in nats, durations in seconds.

        With looks, low and high are the ends of the interval that the verdict is read from at the
        latest look, plain_low and plain_high those of the uncorrected one; pairs are the pairs of
        trainings that they rest on; stopped_at the look, in seeds, that has ended the technique's
        trainings; futile whether it did so without a verdict; saved_trainings how many of the last
        look's seeds are not needed. There is no p_adjusted and no detectable_difference.
    """
    part, of = judged_part_of(results), METRICS[metric]
    headline = f"{part}_{metric}"
    staged = standing(results, looks, band, of, resampling) if looks else None

    dead = {arm_of_namespace(name) for name in died}

    def died_in(arm: str) -> bool:
        return arm in dead or arm_named(arm).technique in dead

    rows = pd.DataFrame(
        [
            _row(
                technique,
                trainings,
                stale.get(technique),
                staged.due[technique] if staged else seeds,
                died=died_in(technique),
            )
            for technique, trainings in results.items()
        ]
    )
    comparison = rows.join(
        differences_to_baseline(results, of, part, band, resampling, staged), on="technique"
    )
    if staged:
        comparison["saved_trainings"] = looks[-1] - comparison["technique"].map(staged.due)
    networks = networks_in(results)
    if networks != [""]:
        arms = comparison["technique"].map(arm_named)
        comparison["technique"] = [arm.technique for arm in arms]
        comparison.insert(0, "network", [arm.network for arm in arms])
    comparison["published_accuracy"] = comparison["technique"].map(dict(published or {}))
    comparison = comparison.assign(
        verdict_over_images=verdicts_over_images(comparison, of, band),
        metric=metric,
        largest_class=largest_class,
        scope=scope_of(resampling),
        variance_ratio=(resampling and resampling.variance_ratio) or None,
    )
    order = comparison.sort_values(
        [headline, "technique"],
        ascending=[not of.higher_is_better, True],
        na_position="last",
        ignore_index=True,
    )
    if networks != [""]:
        place = order["network"].map(networks.index)
        order = order.iloc[np.argsort(place.to_numpy(), kind="stable")].reset_index(drop=True)
    return order.dropna(axis="columns", how="all")


def networks_of(comparison: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each network, as a comparison of its own; those of a single one under ''.

    Returns:
        By network, in their order; without the column ``network``, and without columns that only
        other networks have. ``attrs`` has the name of the ``network`` and how many ``networks``
        there are.
    """
    if "network" not in comparison:
        return {"": comparison}
    found = {}
    for network, rows in comparison.groupby("network", sort=False):
        own = rows.drop(columns="network").dropna(axis="columns", how="all")
        own = own.reset_index(drop=True)
        own.attrs = comparison.attrs | {
            "network": str(network),
            "networks": comparison["network"].nunique(),
        }
        found[str(network)] = own
    return found


def of_largest_class(split_index: pd.DataFrame, part: str, metric: str) -> float | None:
    """Return the metric of always answering the largest class of the train images.

    Where probabilities count, each class is given its share of the train images. Where every seed
    has its own split, it is the mean over seeds.

    Args:
        split_index: A row per image: target, split.
        part: The judged part.
        metric: Its name.

    Returns:
        In the metric's stored unit; None if train or the part has no images.
    """
    seeds = seeds_of(split_index)
    if seeds:
        own = [of_largest_class(split_of_seed(split_index, seed), part, metric) for seed in seeds]
        known = [value for value in own if value is not None]
        return float(np.mean(known)) if known else None
    targets = split_index["target"].to_numpy()
    train, judged = (targets[split_index["split"] == name] for name in ("train", part))
    if not len(train) or not len(judged):
        return None
    counts = np.bincount(train, minlength=int(targets.max()) + 1)
    predicted = np.full(len(judged), counts.argmax())
    answers = Answers(judged, predicted, (counts / counts.sum())[judged], len(counts))
    return METRICS[metric].of(answers)


def metric_of(comparison: pd.DataFrame) -> Metric:
    """Return the metric that a comparison is decided by."""
    return metric_named(comparison["metric"].iloc[0] if "metric" in comparison else None)


def headline_of(comparison: pd.DataFrame) -> str:
    """Return the figure that decides a comparison, such as ``test_accuracy``."""
    return f"{judged_part(comparison.columns)}_{metric_of(comparison).name}"


def with_study_figures(
    comparison: pd.DataFrame, band: float, side_by_side: int = 1
) -> pd.DataFrame:
    """Return the comparison with figures of the whole study in ``attrs``.

    Args:
        comparison: From ``compare``.
        band: Of practical equivalence, in the metric's stored unit.
        side_by_side: How many trainings run at once on this machine.

    Returns:
        A copy with ``band`` and ``side_by_side`` in ``attrs``; and, if any technique is compared
        with the baseline, ``techniques`` (how many are), ``seeds`` (the largest number that one of
        them has) and ``detectable_difference`` (the median over them).
    """
    described = comparison.copy()
    described.attrs = {"band": band, "side_by_side": side_by_side}
    if "difference" in comparison:
        compared = comparison[comparison["difference"].notna()]
        described.attrs |= {
            "techniques": len(compared),
            "seeds": int((compared["trainings"] - compared["failed_trainings"]).max()),
        }
        if "detectable_difference" in comparison:
            described.attrs["detectable_difference"] = float(
                compared["detectable_difference"].median()
            )
    return described


def judged_part_of(results: Mapping[str, Results]) -> str:
    """Return the judged part of a study's results: test, or validation without a test."""
    return judged_part([name for stored in results.values() for name in stored.trainings.columns])


def best_technique(results: Mapping[str, Results], metric: str = DEFAULT) -> str | None:
    """Return the technique whose metric is best on validation, mean over seeds; None without any.

    Of equal ones it is the first by name. Validation selects, not test: a figure that was
    selected for is too optimistic.
    """
    means = {
        technique: _gain(stored.by_seed(f"validation_{metric}"), metric).mean()
        for technique, stored in results.items()
    }
    trained = {technique: mean for technique, mean in means.items() if pd.notna(mean)}
    return max(sorted(trained), key=lambda technique: trained[technique]) if trained else None


def best_seed(results: Results, metric: str = DEFAULT) -> int | None:
    """Return the seed of the training whose metric is best on validation; None without any."""
    figures = _gain(results.by_seed(f"validation_{metric}"), metric).dropna()
    return None if figures.empty else int(figures.index.to_numpy()[figures.argmax()])


def _gain(figures: pd.Series, metric: str) -> pd.Series:
    """Return figures of a metric with the sign that makes more better."""
    return figures if METRICS[metric].higher_is_better else -figures


def _row(
    technique: str, results: Results, stale: str | None, seeds: int, *, died: bool
) -> dict[str, Any]:
    status = _status(results.trainings, stale, seeds, died=died)
    row: dict[str, Any] = {"technique": technique, **status}
    for figure in registry.single(Shown.COMPARISON):
        values = results.by_seed(figure.name)
        row[figure.name] = values.mean()
        if figure.spread:
            row[f"{figure.name}_sd"] = values.std()
    return row


def _status(
    trainings: pd.DataFrame, stale: str | None, seeds: int, *, died: bool
) -> dict[str, Any]:
    failed = trainings[trainings["status"] == FAILED] if len(trainings) else trainings
    missing = max(0, seeds - len(trainings))
    cut_off = died and (trainings.empty or missing > 0 or stale is not None)
    reasons = [*failed.get("reason", [])[:1], *([DIED] if cut_off else []), stale]
    if len(failed) or cut_off:
        status = FAILED
    elif stale:
        status = STALE
    else:
        status = TRAINED if len(trainings) else UNTRAINED
    return {
        "status": status,
        "trainings": len(trainings),
        "failed_trainings": len(failed),
        "reason": "; ".join(filter(None, reasons)) or None,
        "missing_trainings": missing,
    }


def _recorded(training: Mapping[Any, Any]) -> dict[str, Any]:
    """Return the fingerprint in a training's row."""
    columns = {str(key): value for key, value in training.items() if "fingerprint_" in str(key)}
    return {key.removeprefix("fingerprint_"): value for key, value in columns.items()}
