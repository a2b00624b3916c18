"""The refit: a technique that the study has judged, trained on more of the labelled images."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from regbench.comparison import compare
from regbench.comparison.answers import answers_of_results
from regbench.errors import StudyError
from regbench.evaluation.resampling import seeds_of
from regbench.evaluation.results import Results
from regbench.metrics.base import POINTS, Answers, Metric
from regbench.metrics.registry import METRICS
from regbench.regularizers.places.ensemble import Ensemble
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.digests import sealed
from regbench.study.schema import Protocol
from regbench.study.technique import Technique
from regbench.use.choice import BestTraining, best_training, made_from, up_to_date

_RESAMPLES = 1000  # of the interval of the expected figure


def plan(
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    split_index: pd.DataFrame,
    results: Mapping[str, Results],
) -> dict[str, Any]:
    """Return what a refit trains, and what can be expected of it.

    Args:
        parameters: Of the study.
        data_fingerprint: Of the prepared images.
        split_index: A row per image: split.
        results: By arm, as stored.

    Returns:
        ``technique``, ``network`` (in a study of several), ``arm``; ``parts``, ``seeds`` and
        ``images``, how many it is trained on; ``epochs``, after which every training ends, and
        ``epochs_from``, where that comes from; ``expected`` (see ``expected``); and
        ``made_from``, the digest of all that its networks depend on besides the seed.

    Raises:
        StudyError: The technique is not trained or stale, or cannot do without the images that it
            is to be trained on.
    """
    settings, reporting = parameters["refit"], parameters["reporting"]
    protocol = Protocol.model_validate(parameters["protocol"])
    fresh, stale = up_to_date(
        parameters["fingerprints"],
        parameters["preparation"],
        protocol.seeds,
        data_fingerprint,
        results,
    )
    wanted = settings["technique"], settings["network"]
    best = best_training(fresh, stale, *wanted, reporting["metric"], parameters["command"])
    name, own = best.arm.name, fresh[best.arm.name]
    training = parameters["trainings"][name]
    parts = settings["parts"]
    epochs, epochs_from = None, "as in the study"
    if "validation" in parts:
        _check_validation_is_free(best, training["regularizers"], protocol)
        if _stops(training["regularizers"]):
            epochs, epochs_from = _epochs_found(own)
    return {
        "technique": best.arm.technique,
        **({"network": best.arm.network} if best.arm.network else {}),
        "arm": name,
        "parts": parts,
        "seeds": settings["seeds"],
        "images": int(split_index["split"].isin(parts).sum()),
        "epochs": epochs,
        "epochs_from": epochs_from,
        "expected": expected(own, reporting["metric"], resampled=bool(seeds_of(split_index))),
        "made_from": made_from(parameters, data_fingerprint, name, parts, epochs),
    }


def _stops(regularizers: Mapping[str, Any]) -> bool:
    """Return whether a technique has a rule that ends its trainings."""
    entries = Technique.model_validate(regularizers).entries()
    return any(REGULARIZERS[key].does("stop") for key in entries)


def fitted_on_validation(regularizers: Mapping[str, Any], protocol: Protocol) -> list[str]:
    """Return what of a technique follows the validation images, so that no refit can have them."""
    needs = [
        key
        for key in Technique.model_validate(regularizers).entries()
        if issubclass(kind := REGULARIZERS[key], Ensemble) and kind.fits_on_validation
    ]
    if protocol.schedule.stall() is not None:
        needs.append(f"the schedule {protocol.schedule.name}")
    return needs


def _check_validation_is_free(
    best: BestTraining, regularizers: Mapping[str, Any], protocol: Protocol
) -> None:
    """Check that a technique can be trained on the validation images.

    Raises:
        StudyError: Something else is fitted on them.
    """
    needs = fitted_on_validation(regularizers, protocol)
    if needs:
        raise StudyError(
            f"parameters_refit.yml: refit.parts: {best.arm.name} cannot be trained on validation "
            f"images, as {' and '.join(needs)} follows them; refit.parts=train leaves them out, "
            "refit.technique names another technique"
        )


def _epochs_found(results: Results) -> tuple[int, str]:
    """Return the median of the epochs whose weights a study's trainings kept, and its source."""
    kept = results.epochs[results.epochs["kept"].astype(bool)]["epoch"].to_numpy()
    seeds = results.trainings["seed"].nunique()
    found = int(np.floor(np.median(kept) + 0.5))
    return found, (
        f"the median of those kept by early stopping in the study ({seeds} seeds: "
        f"{int(kept.min())} to {int(kept.max())})"
    )


def expected(results: Results, metric: str, *, resampled: bool) -> dict[str, Any]:
    """Return the figure of a technique's networks on images that they were not trained on.

    Args:
        results: Of the technique, up to date.
        metric: Its name.
        resampled: Whether every seed judges other images.

    Returns:
        ``metric``, ``part`` (judged), ``value``, the mean over seeds; ``low`` and ``high``, the
        ends of its 95 % bootstrap interval over seeds and, where all seeds judge the same, images
        (Owen, The pigeonhole bootstrap, 2007); ``seeds`` and ``images``, their numbers.
    """
    part, of = compare.judged_part_of({"": results}), METRICS[metric]
    values = results.by_seed(f"{part}_{metric}").dropna()
    answers = answers_of_results(results.of_seeds(values.index), part)
    draws = np.random.default_rng(0)
    means = [
        np.mean(_redrawn(of, answers, values.to_numpy(), draws, resampled=resampled))
        for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return {
        "metric": metric,
        "part": part,
        "value": float(values.mean()),
        "low": float(low),
        "high": float(high),
        "seeds": len(answers),
        "images": len(answers[0].targets),
    }


def _redrawn(
    metric: Metric,
    answers: Sequence[Answers],
    values: np.ndarray,
    draws: np.random.Generator,
    *,
    resampled: bool,
) -> list[float]:
    """Return the figures of seeds and images drawn with replacement, one per seed drawn.

    Args:
        metric: Of the figures.
        answers: Of each seed; the same images in the same order, unless ``resampled``.
        values: The figure of each seed with all images.
        draws: Where random numbers come from.
        resampled: Whether the seeds judge images of their own, which are then drawn with them.
    """
    seeds, times = np.unique(draws.integers(len(answers), size=len(answers)), return_counts=True)
    if resampled:
        return list(np.repeat(values[seeds], times))
    images = len(answers[0].targets)
    weights = np.bincount(draws.integers(images, size=images), minlength=images)[None]
    scores = [metric.score(answers[seed], weights.astype(np.float64))[0] for seed in seeds]
    return list(np.repeat(scores, times))


def record(
    planned: Mapping[str, Any],
    weights: str,
    members: Mapping[int, str],
    measured: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the record of a refit, sealed.

    Args:
        planned: From ``plan``.
        weights: The digest of the weights of the network that is handed over.
        members: By seed, '' for a network that it averages, or why a training failed.
        measured: Its own figure on the test images (metric, value, images), if it has not seen
            them; else None.
    """
    return sealed(
        {
            "plan": dict(planned),
            "weights": weights,
            "members": [seed for seed, failure in members.items() if not failure],
            "failed": {str(seed): failure for seed, failure in members.items() if failure},
            "measured": dict(measured) if measured else None,
        }
    )


def described(made: Mapping[str, Any]) -> str:
    """Return the record of a refit in Markdown: what it is, what to expect, and why."""
    planned = made["plan"]
    of, seen = planned["expected"], planned["parts"]
    metric = METRICS[of["metric"]]
    on = f" on the network {planned['network']}" if "network" in planned else ""
    number = len(made["members"])
    networks = "one network" if number == 1 else f"{number} networks, their probabilities averaged"
    length = f"{planned['epochs']} epochs, {planned['epochs_from']}"
    lines = [
        f"# Refit: {planned['technique']}{on}",
        f"Trained on {' and '.join(seen)}: {planned['images']} images; {networks} (seeds "
        f"{', '.join(map(str, made['members']))}). Length: "
        f"{length if planned['epochs'] else planned['epochs_from']}. The scaling of the input, and "
        "whitening, are the study's: fitted on its train images.",
        f"**Expected {of['part']} {metric.title}: {_figure(metric, of['value'])} "
        f"[{_figure(metric, of['low'])}, {_figure(metric, of['high'])}]**: {_of_trainings(of)} on "
        f"{of['images']} {of['part']} images that it was not trained on (95 % bootstrap interval).",
        f"It is the study's figure, not this network's: on {' and '.join(seen)} images this "
        "network has seen the answers, and would look better than it is. More images rarely make "
        "a network worse, nor does averaging: the figure is careful.",
    ]
    if own := made["measured"]:
        lines.append(
            f"On the {own['images']} test images, which it has not seen, this network has "
            f"{metric.title} {_figure(metric, own['value'])}."
        )
    if made["failed"]:
        why = "; ".join(f"seed {seed}: {reason}" for seed, reason in made["failed"].items())
        lines.append(f"Left out, as their training failed: {why}.")
    return "\n\n".join(lines) + "\n"


def _of_trainings(expected: Mapping[str, Any]) -> str:
    """Return what an expected figure is the mean of."""
    number = expected["seeds"]
    if number == 1:
        return "that of the study's training of this technique,"
    return f"the mean of the study's {number} trainings of this technique, each"


def _figure(metric: Metric, value: float) -> str:
    """Return a stored figure as tables show it: shares of 1 with 4 digits, nats with 3."""
    return f"{value:.{4 if metric.unit == POINTS else 3}f}"
