"""Nodes of a study with looks: the looks, and trainings that end at once if they are not needed.

A training that is not needed has outputs as a failed one has: small files in place of its own, and
no row in the results. So a resumed run finds that nothing is missing.
"""

import logging
from typing import TYPE_CHECKING, Any

from regbench.pipelines.training import nodes
from regbench.study import digests, fingerprints
from regbench.study.looks import NOT_NEEDED_AFTER, is_needed
from regbench.study.reporting import Reporting
from regbench.training.if_needed import ends_at_once_if
from regbench.training.on_failure import on_failure_of

if TYPE_CHECKING:
    from pandas import DataFrame

    from regbench.evaluation.results import FailedTraining, Results
else:  # Kedro resolves annotations, and warns of names that are not there
    DataFrame = FailedTraining = Results = Any

logger = logging.getLogger(__name__)


def _is_unneeded(look: dict[str, Any], training: dict[str, Any], seed: int) -> bool:
    return not is_needed(look, training["technique"], seed)


@ends_at_once_if(_is_unneeded)
def train_if_needed(look: dict[str, Any], **inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of ``train_network``; those of a training that is not needed if so.

    Args:
        look: The record of the look before the training.
        inputs: Those of ``train_network``.
    """
    if not _is_unneeded(look, inputs["training"], inputs["seed"]):
        return nodes.train_network(**inputs)
    import pandas as pd

    from regbench.evaluation.results import NotNeeded

    made_from = digests.sealed({NOT_NEEDED_AFTER: look["look"]})
    return NotNeeded(look["look"]), pd.DataFrame(columns=["epoch"]), {}, made_from


@ends_at_once_if(lambda made_from: NOT_NEEDED_AFTER in made_from)
def evaluate_if_needed(trained: Any, **inputs: Any) -> tuple[DataFrame, dict[str, Any]]:
    """Return the outputs of ``evaluate_network``; those of a training that is not needed if so."""
    from regbench.evaluation.results import NOT_NEEDED, NotNeeded

    training, seed = inputs["training"], inputs["seed"]
    if not isinstance(trained, NotNeeded):
        return nodes.evaluate_network(trained=trained, **inputs)
    import pandas as pd

    from regbench.training import events

    events.report(events.TrainingNotNeeded(training["technique"], seed, trained.look))
    metrics = {"technique": training["technique"], "seed": seed, "status": NOT_NEEDED}
    return pd.DataFrame(columns=["filename"]), metrics | {"look": trained.look}


@on_failure_of(train_if_needed)
def training_failed(reason: str, look: dict[str, Any], **inputs: Any) -> tuple[Any, ...]:
    """Return the outputs of ``train_if_needed`` for a training that failed."""
    return nodes.training_failed(reason, **inputs)


@on_failure_of(evaluate_if_needed)
def evaluation_failed(reason: str, **inputs: Any) -> tuple[DataFrame, dict[str, Any]]:
    """Return the outputs of ``evaluate_if_needed`` for an evaluation that failed."""
    return nodes.evaluation_failed(reason, **inputs)


def collect_further(earlier: Results, *made: Any) -> Results:
    """Return the results of an arm up to the end of a stage.

    Args:
        earlier: Those of the stages before.
        made: As of ``collect_results``; trainings that were not needed are left out.
    """
    from regbench.evaluation import results

    seeds = len(made) // 3
    metrics, histories, predictions = (made[of * seeds : (of + 1) * seeds] for of in range(3))
    needed = [n for n, of in enumerate(metrics) if of["status"] != results.NOT_NEEDED]
    if not needed:
        return earlier
    of_stage = results.collect(
        *([of_all[n] for n in needed] for of_all in (metrics, histories, predictions))
    )
    return results.joined(earlier, of_stage)


def judge_look(
    look: int,
    protocol: dict[str, Any],
    reporting: dict[str, Any],
    fingerprints_now: dict[str, Any],
    preparation: dict[str, str],
    data_fingerprint: dict[str, Any],
    split_index: DataFrame,
    code: str,
    *results: Results,
) -> dict[str, Any]:
    """Judge the study after a number of seeds: who is decided, and who trains on.

    Trainings of other pipelines that are not up to date are set aside.

    Args:
        look: The number of seeds.
        protocol: Of the study, with its looks.
        reporting: Settings.
        fingerprints_now: By arm.
        preparation: Digests of settings and code of the prepared data.
        data_fingerprint: Of the prepared data.
        split_index: A row per image.
        code: The digest of the code that judges.
        results: Of every arm, up to this look.

    Returns:
        The record: ``look``; ``due``, by arm, the number of seeds that it needs so far;
        ``verdicts`` by arm; and ``made_from``, the digest of all that they follow from.
    """
    from regbench.comparison import compare
    from regbench.comparison.band import check_band
    from regbench.comparison.looks import describe, standing
    from regbench.evaluation.resampling import resampling_of
    from regbench.metrics.registry import METRICS

    current = fingerprints.current_fingerprints(data_fingerprint, preparation, fingerprints_now)
    stored = dict(zip(fingerprints_now, results, strict=True))
    fresh, _ = compare.set_aside_stale(stored, current, range(1, look + 1))
    settings = Reporting.model_validate(reporting)
    check_band(settings, split_index)
    found = standing(
        fresh,
        protocol["looks"],
        settings.band,
        METRICS[settings.metric],
        resampling_of(split_index),
    )
    logger.info("%s", describe(found, look))
    made_from = fingerprints.fingerprint_of_look(
        {arm: of_arm.trainings for arm, of_arm in fresh.items()},
        protocol["looks"],
        settings,
        code,
        preparation,
    )
    return digests.sealed(
        {
            "look": look,
            "due": found.due,
            "verdicts": {arm: verdict.verdict for arm, verdict in found.verdicts.items()},
            "made_from": made_from,
        }
    )
