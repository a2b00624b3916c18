"""Which stored datasets were made from something else than the study at hand.

``--only-missing-outputs`` looks at existence alone; what is stale is made to look missing.
"""

import logging
from typing import Any, NamedTuple

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from regbench.errors import DamagedFileError, explanation
from regbench.runs.freshness.prepared_record import changed_prepared, recorded_names
from regbench.runs.freshness.report_record import is_report_current
from regbench.runs.freshness.stored import (
    Catalog,
    StaleDataset,
    dataset_of,
    fault_of,
    file_of,
    is_kept,
    load_record,
    load_sealed,
    stored_dataset,
)
from regbench.storage.atomic import made_by_regbench
from regbench.study import digests, fingerprints

logger = logging.getLogger(__name__)


class _Training(NamedTuple):
    """A technique with a seed, and what its nodes make."""

    name: str
    trained: set[str]
    evaluated: set[str]


def treat_stale_as_missing(pipeline: Pipeline, catalog: Catalog) -> None:
    """Have Kedro make again what a pipeline makes and what is stored but stale."""
    stale = _stale(pipeline, catalog) & pipeline.all_outputs()
    kedro = logging.getLogger("kedro.io")
    level = kedro.level
    kedro.setLevel(logging.ERROR)  # it warns of every dataset that is replaced
    try:
        for name in sorted(stale):
            if is_kept(catalog, name):
                catalog[name] = StaleDataset(dataset_of(catalog, name))
    finally:
        kedro.setLevel(level)


def is_up_to_date(pipeline: Pipeline, catalog: Catalog) -> bool:
    """Whether a resumed run has nothing to do, once stale datasets count as missing.

    Nobody knows it of what is no part of the study.
    """
    made = pipeline.all_outputs()
    return made <= pipelines["__default__"].all_outputs() and all(
        catalog.exists(name) for name in made if is_kept(catalog, name)
    )


def _stale(pipeline: Pipeline, catalog: Catalog) -> set[str]:
    parameters = catalog.load("parameters")
    prepared = load_sealed(catalog, "prepared_files", "the images are prepared again")
    recorded = _recorded_data(prepared, catalog)
    in_pipeline = pipeline.all_outputs()
    of_data = pipelines["data"].all_outputs() & in_pipeline
    of_report = pipelines["reporting"].all_outputs() & in_pipeline
    files = _files(catalog) if of_data or of_report else None
    stale = _stale_data(of_data, recorded.get("made_from", {}), parameters, files)
    data_are_stale = bool({"images", "split_index"} & stale) or not recorded
    if not data_are_stale and _are_damaged(of_data - stale, prepared, catalog):
        stale |= of_data  # made again as they were: what was trained on them stays
    if any(name in stale or not catalog.exists(name) for name in of_data):
        stale |= {"prepared_files"} & of_data
    current = fingerprints.current_fingerprints(
        recorded, parameters["preparation"], parameters["fingerprints"]
    )
    seeds = [str(seed) for seed in parameters["protocol"]["seeds"]]
    made = {node.name: set(node.outputs) for node in pipelines["__default__"].nodes}
    for technique, now in current.items():
        names = [f"{technique}.seed_{seed}" for seed in seeds]
        trainings = [
            _Training(name, made[f"{name}.train"], made[f"{name}.evaluate"]) for name in names
        ]
        stale_trainings: set[str] = set()
        for training in trainings:
            stale_trainings |= _stale_training(training, now, data_are_stale, catalog)
        stale |= stale_trainings
        if stale_trainings or not _is_complete(technique, now, seeds, catalog):
            stale.add(f"{technique}_results")
            for training in trainings:
                stale |= _damaged_training(training, stale, catalog)
    if of_report and (stale & in_pipeline or not is_report_current(catalog, files)):
        stale |= of_report
    # Nobody has written down what the labels of the unlabelled images were made from.
    unrecorded: set[str] = pipelines["prediction"].all_outputs() & in_pipeline
    return stale | unrecorded


def _recorded_data(prepared: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """The data's fingerprint as it was written; the record has it if its own file is gone."""
    recorded: dict[str, Any] = prepared.get("data_fingerprint", {})
    return recorded or load_record(catalog, "data_fingerprint")


def _stale_data(
    of_data: set[str], made_from: dict[str, str], parameters: dict[str, Any], files: str | None
) -> set[str]:
    if not of_data or made_from.get("files") != files:
        return of_data
    stale: set[str] = set()
    for setting, now in parameters["preparation"].items():
        if made_from.get(setting) != now:
            depending = _made_with(setting)
            stale |= of_data if {"images", "split_index"} & depending else depending
    return stale


def _made_with(setting: str) -> set[str]:
    """What the data nodes make that depends on a setting, such as ``zca`` or ``split``."""
    data = pipelines["data"]
    inputs = {name for name in data.inputs() if name.endswith((f":{setting}", f".{setting}"))}
    made: set[str] = data.from_inputs(*inputs, "params:preparation").all_outputs()
    return made


def _stale_training(
    training: _Training, now: fingerprints.Fingerprint, data_are_stale: bool, catalog: Catalog
) -> set[str]:
    run = training.name
    trained = load_sealed(catalog, f"{run}.fingerprint", "the run is trained again")
    until_training = {part: now[part] for part in now if part != "evaluation"}
    changed = any(trained.get(part) != now[part] for part in until_training)
    if data_are_stale or changed or not catalog.exists(f"{run}.network"):
        return training.trained | training.evaluated
    from regbench.evaluation.results import FAILED  # noqa: PLC0415 - imports pandas

    metrics = load_record(catalog, f"{run}.metrics")
    evaluated = metrics.get("fingerprint", {})
    changed = (
        bool(fingerprints.changed_components(evaluated, now)) or metrics.get("status") == FAILED
    )
    if metrics and not _are_metrics_of(run, metrics):
        said = "%s: damaged, or changed since it was made; the run is evaluated again"
        logger.warning(said, file_of(catalog, f"{run}.metrics"))
        changed = True
    changed = changed or not catalog.exists(f"{run}.predictions")
    if changed or evaluated.get("weights") != trained.get("weights"):
        return training.evaluated
    return set()


def _are_metrics_of(run: str, metrics: dict[str, Any]) -> bool:
    """Whether these are the metrics of a run as they were written."""
    recorded = metrics.get("fingerprint", {}).get("metrics")
    of_run = f"{metrics.get('technique')}.seed_{metrics.get('seed')}"
    return of_run == run and recorded == digests.digest_of_metrics(metrics)


def _are_damaged(of_data: set[str], prepared: dict[str, Any], catalog: Catalog) -> bool:
    """Whether prepared files are not those that were recorded."""
    stored = {name for name in of_data & recorded_names(catalog) if catalog.exists(name)}
    if not stored:
        return False
    if prepared:
        said = changed_prepared(stored, prepared, catalog)
    else:
        said = f"{file_of(catalog, 'prepared_files')}: no record of the prepared files"
    if said:
        logger.warning("%s; the images are prepared again", said)
    return bool(said)


def _damaged_training(training: _Training, stale: set[str], catalog: Catalog) -> set[str]:
    """What has to be made again because a file that is about to be read is damaged."""
    run, trained, evaluated = training
    if trained & stale:
        return set()
    recorded = load_record(catalog, f"{run}.fingerprint")
    to_read = {"history": recorded.get("history")}
    if evaluated & stale:
        of_network = {"network": "weights", "best_epoch_weights": "best_epoch_weights"}
        to_read |= {made: recorded.get(part) for made, part in of_network.items()}
    else:
        metrics = load_record(catalog, f"{run}.metrics")
        to_read["predictions"] = metrics["fingerprint"].get("predictions")
    damaged = {
        f"{run}.{made}"
        for made, now in to_read.items()
        if catalog.exists(f"{run}.{made}") and _is_damaged(f"{run}.{made}", now, catalog)
    }
    if damaged & trained:
        return trained | evaluated
    return evaluated if damaged else set()


def _is_damaged(name: str, recorded: str | None, catalog: Catalog) -> bool:
    """Whether a file of a run is not the one that was recorded; a warning says so."""
    dataset = stored_dataset(catalog, name)
    try:
        # A network's weights are read without importing Keras.
        value = dataset.weights() if hasattr(dataset, "weights") else dataset.load()
        with made_by_regbench(file_of(catalog, name)):
            is_table = hasattr(value, "to_csv")
            identify = digests.digest_of_table if is_table else digests.digest_of_weights
            if identify(value) != recorded:
                raise ValueError("it does not hold what was recorded of it")
    except Exception as error:
        fault = explanation(error)
        if not isinstance(fault, DamagedFileError):
            raise
        logger.warning("%s", fault.message)
        return True
    return False


def _is_complete(
    technique: str, now: fingerprints.Fingerprint, seeds: list[str], catalog: Catalog
) -> bool:
    """Whether the collected results are of all seeds and of the stored runs."""
    runs = stored_dataset(catalog, f"{technique}_results").trainings()
    if runs.empty:
        return False
    if set(runs["technique"]) != {technique}:
        logger.warning("%s: results of another technique", file_of(catalog, f"{technique}_results"))
        return False
    stored = {str(run["seed"]): run for run in runs.to_dict("records")}
    return set(stored) == set(seeds) and not any(
        run.get(f"fingerprint_{part}") != digest
        for run in stored.values()
        for part, digest in now.items()
    )


def _files(catalog: Catalog) -> str | None:
    try:
        with catalog.load("labeled_images") as source:
            found: str = source.digest()
            return found
    except Exception as error:
        if fault_of(error) is None:
            raise
        return None  # said by the node that reads the images
