"""What the stepwise combination has led to, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from math import isfinite, isnan
from typing import Any

from regbench.comparison.compare import compare
from regbench.evaluation.results import Results
from regbench.recommendation.combination import Combination
from regbench.recommendation.plan import REPORTS, Plan
from regbench.recommendation.steps import ADD, FIRST, Progress, Step
from regbench.study.digests import digest
from regbench.study.recommend import Recommend
from regbench.study.reporting import Reporting
from regbench.study.schema import BASELINE

# Of the comparison on test images.
_FIGURES = (
    *("metric", "difference", "difference_low", "difference_high", "verdict", "further_seeds"),
    *("trainings", "pairs"),
)


def conclude(
    plan: Plan,
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    workers: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what the trainings that there are lead to.

    Args:
        plan: Of the study.
        parameters: Its parameters.
        data_fingerprint: Of its images and split.
        workers: What each worker made.

    Returns:
        ``technique``, its name; ``regularizers``; ``techniques`` that were put together; ``test``,
        the comparison with the baseline on test images, and whether it is by ``fresh_seeds``; empty
        for the baseline itself;
        ``time_ratio``; ``steps``, each with ``kind``, ``reference``, ``chosen`` and ``candidates``
        (name, verdict, gain, further_seeds, is_waiting; how many ``pairs`` of trainings there are
        of the ``needed`` for a first verdict); ``is_finished``; ``left_out``, ``not_tried``;
        ``stale`` (why stored trainings were not used, by technique),
        ``failed`` (reasons by technique or combination), ``workers_failed``; ``trainings`` that
        were made; ``settings`` of the recommendation, and ``made_from``.
    """
    progress = plan.progress()
    is_finished = progress.is_finished and not plan.needs()
    if not progress.is_finished:
        progress = plan.progress(is_over=True)
    combination, baseline = progress.combination, plan.builder.baseline
    own, base = (plan.trainings.seconds(of) for of in (combination, baseline))
    return {
        "technique": combination.name,
        "regularizers": dict(combination.regularizers),
        "techniques": list(combination.techniques),
        "test": _on_test(plan, combination, parameters),
        "time_ratio": own / base if own and base else None,
        "steps": [_described(step, plan) for step in progress.steps],
        "is_finished": is_finished,
        "left_out": progress.left_out,
        "stale": plan.stale,
        "not_tried": progress.not_tried,
        "failed": _failures(plan, progress),
        "workers_failed": [worker["reason"] for worker in workers if "reason" in worker],
        "trainings": sum(worker["trainings"] for worker in workers),
        "settings": dict(Recommend.model_validate(parameters["recommend"])),
        "made_from": made_from(parameters, data_fingerprint),
    }


def made_from(parameters: Mapping[str, Any], data_fingerprint: Mapping[str, Any]) -> str:
    """Return the digest of the study that a recommendation is for."""
    reporting = Reporting.model_validate(parameters["reporting"])
    parts = [data_fingerprint.get(part) for part in ("data", "split")]
    return digest([parts, parameters["fingerprints"], reporting.metric, reporting.band])


def _on_test(plan: Plan, combination: Combination, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the comparison of a combination with the baseline, by the rules of the report."""
    if combination.digest == plan.builder.baseline.digest:
        return {}
    ends = {BASELINE: plan.builder.baseline, combination.name: combination}
    reporting = Reporting.model_validate(parameters["reporting"])
    protocol = parameters["protocol"]
    seeds = plan.seeds_on_test(combination)
    rows = compare(
        {name: numbered(plan.trainings.results(of), seeds) for name, of in ends.items()},
        {},
        reporting.band,
        seeds=len(seeds),
        metric=reporting.metric,
        looks=protocol.get("looks", ()),
    )
    [row] = rows[rows["technique"] == combination.name].to_dict("records")
    values = {name: row.get(name) for name in (*_FIGURES, f"{REPORTS}_{reporting.metric}")}
    plain = {name: _plain(value) for name, value in values.items()}
    return plain | {"fresh_seeds": bool(plan.fresh) and seeds == plan.fresh}


def numbered(results: Results, seeds: Sequence[int]) -> Results:
    """Return the results of these seeds as those of 1, 2, 3 and so on: looks count from 1."""
    number = {seed: place for place, seed in enumerate(seeds, start=1)}
    kept = results.of_seeds(number)
    tables = (getattr(kept, table.name) for table in fields(kept))
    return Results(*(table.assign(seed=table["seed"].map(number)) for table in tables))


def _plain(value: Any) -> Any:
    if isinstance(value, str) or value is None:
        return value
    return float(value) if isfinite(value) else None


def _described(step: Step, plan: Plan) -> dict[str, Any]:
    needed = plan.first_seeds
    reference = plan.trainings.seeds_of(step.reference)

    def pairs(name: str) -> int:
        both = reference & plan.trainings.seeds_of(step.candidates[name])
        return len(both & set(needed))

    return {
        "kind": step.kind,
        "reference": step.reference.name,
        "chosen": step.chosen,
        "candidates": [
            {
                "name": name,
                "verdict": of.verdict,
                "gain": None if isnan(of.gain) else of.gain,
                "further_seeds": of.further_seeds,
                "is_waiting": bool(of.lacks),
                "pairs": pairs(name),
                "needed": len(needed),
            }
            for name, of in step.judged.items()
        ],
    }


def _failures(plan: Plan, progress: Progress) -> dict[str, list[str]]:
    """Return the reasons of failed trainings, by the name of the technique or combination."""
    tried = {
        of.name: of
        for step in progress.steps
        if step.kind in (FIRST, ADD)
        for of in (step.reference, *step.candidates.values())
    }
    found = {name: plan.trainings.failures(of) for name, of in tried.items()}
    return {name: list(dict.fromkeys(why.values())) for name, why in found.items() if why}
