"""Which stored datasets were made from something else than the study at hand.

Kedro's ``--only-missing-outputs`` skips every dataset that exists. So that it makes stale ones
again, they are wrapped to look missing.

A dataset is stale if the record beside it differs from the study's fingerprints, or if it is
damaged and has to be read. Files of trainings are large, so their content is checked only where a
node is about to read them; of all others the records are compared.
"""

import logging
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from regbench.runs.freshness.cells import stale_of_comparisons
from regbench.runs.freshness.prepared_record import describe_changed_prepared, recorded_datasets
from regbench.runs.freshness.refit import stale_of_refit
from regbench.runs.freshness.report_record import is_report_current
from regbench.runs.freshness.stored import (
    Catalog,
    StaleDataset,
    damage_of,
    dataset_of,
    file_of,
    is_stored_after_run,
    load_record,
    load_sealed,
)
from regbench.runs.freshness.trainings import StoredStudy
from regbench.study import fingerprints
from regbench.study.looks import NOT_NEEDED_AFTER

logger = logging.getLogger(__name__)


def treat_stale_as_missing(pipeline: Pipeline, catalog: Catalog) -> None:
    """Make a pipeline's stale datasets look missing, so that Kedro makes them again."""
    stale = _stale_datasets(pipeline, catalog) & pipeline.all_outputs()
    _log_stale_trainings(stale, catalog)
    kedro = logging.getLogger("kedro.io")
    level = kedro.level
    kedro.setLevel(logging.ERROR)  # it warns of every dataset that is replaced
    try:
        for name in sorted(stale):
            if is_stored_after_run(catalog, name):
                catalog[name] = StaleDataset(dataset_of(catalog, name))
    finally:
        kedro.setLevel(level)


def _log_stale_trainings(stale: set[str], catalog: Catalog) -> None:
    """Log in one line how many stored trainings are made again, and what has changed since."""
    parameters = catalog.load("parameters")
    current = fingerprints.current_fingerprints(
        load_record(catalog, "data_fingerprint"),
        parameters["preparation"],
        parameters["fingerprints"],
    )
    again, changes = 0, dict[str, None]()
    for technique, fingerprint in current.items():
        for seed in parameters["protocol"]["seeds"]:
            name = f"{technique}.seed_{seed}"
            if f"{name}.network" in stale and catalog.exists(f"{name}.fingerprint"):
                made_from = load_record(catalog, f"{name}.fingerprint")
                if NOT_NEEDED_AFTER in made_from:
                    continue  # whether it is needed now, a look decides
                again += 1
                made_from |= {"evaluation": fingerprint["evaluation"]}  # recorded elsewhere
                changes |= dict.fromkeys(fingerprints.changed_components(made_from, fingerprint))
    if changes:
        said = "%d stored trainings are made again, since these have changed: %s"
        logger.info(said, again, ", ".join(changes))


def is_up_to_date(pipeline: Pipeline, catalog: Catalog) -> bool:
    """Return whether all that a pipeline makes exists, once stale datasets look missing.

    Outputs of other pipelines than the study's and the refit's are never up to date: they have no
    records.
    """
    made = pipeline.all_outputs()
    recorded = pipelines["__default__"].all_outputs() | pipelines["refit"].all_outputs()
    return made <= recorded and all(
        catalog.exists(name) for name in made if is_stored_after_run(catalog, name)
    )


def _stale_datasets(pipeline: Pipeline, catalog: Catalog) -> set[str]:
    """Return the datasets that no longer match the study; of a pipeline's, all of them.

    In the order of the data: prepared images, then trainings and results, then the report.
    """
    parameters = catalog.load("parameters")
    record = load_sealed(catalog, "prepared_files", "the images are prepared again")
    data_fingerprint = _recorded_data_fingerprint(record, catalog)
    in_pipeline = pipeline.all_outputs()
    prepared = pipelines["data"].all_outputs() & in_pipeline
    of_report = pipelines["reporting"].all_outputs() & in_pipeline
    image_digest = digest_of_images(catalog) if prepared or of_report else None

    made_from = data_fingerprint.get("made_from", {})
    stale = _stale_prepared(prepared, made_from, parameters, image_digest)
    is_data_stale = bool({"images", "split_index"} & stale) or not data_fingerprint
    if not is_data_stale and _is_any_damaged(prepared - stale, record, catalog):
        stale |= prepared  # made again with the same content: what was trained on them stays
    # So it does where only splits of other seeds are drawn besides.
    stale |= _prepared_for_other_seeds(made_from, parameters) & prepared
    if any(name in stale or not catalog.exists(name) for name in prepared):
        stale |= {"prepared_files"} & prepared

    current = fingerprints.current_fingerprints(
        data_fingerprint, parameters["preparation"], parameters["fingerprints"]
    )
    study = StoredStudy.of(parameters, current, in_pipeline, catalog)
    stale |= study.stale(is_data_stale=is_data_stale)

    if of_report and (stale & in_pipeline or not is_report_current(catalog, image_digest)):
        stale |= of_report
    if in_pipeline & {"refit_plan"}:
        stale |= stale_of_refit(parameters, data_fingerprint, stale & in_pipeline, catalog)
    stale |= stale_of_comparisons(in_pipeline, stale, parameters, data_fingerprint, catalog)
    # What labels, exports and bundles were made from is not recorded. A search finds its trials
    # itself, and a recommendation its trainings.
    others = {
        name
        for pipeline in ("prediction", "export", "tuning", "recommend", "bundle", "verify")
        for name in pipelines[pipeline].all_outputs() - pipelines["data"].all_outputs()
    }
    return stale | others & in_pipeline


def _recorded_data_fingerprint(record: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Return the fingerprint of the prepared data, from their record or else its own file."""
    copy: dict[str, Any] = record.get("data_fingerprint", {})
    return copy or load_record(catalog, "data_fingerprint")


def digest_of_images(catalog: Catalog) -> str | None:
    """Return the digest of the image files; None if they cannot be read."""
    try:
        with catalog.load("labeled_images") as source:
            found: str = source.digest()
            return found
    except Exception as error:
        if damage_of(error) is None:
            raise
        return None  # the node that reads the images reports the fault


def _stale_prepared(
    prepared: set[str],
    made_from: dict[str, str],
    parameters: dict[str, Any],
    image_digest: str | None,
) -> set[str]:
    """Return the prepared datasets that were made from other images or other settings."""
    if not prepared or made_from.get("files") != image_digest:
        return prepared
    stale: set[str] = set()
    for setting, fingerprint in parameters["preparation"].items():
        if setting != "seeds" and made_from.get(setting) != fingerprint:
            depending = _prepared_with(setting)
            stale |= prepared if {"images", "split_index"} & depending else depending
    return stale


def _prepared_for_other_seeds(made_from: dict[str, str], parameters: dict[str, Any]) -> set[str]:
    """Return what depends on the seeds if splits were drawn for others, else nothing.

    A seed's split is the same whatever other seeds there are.
    """
    wanted = parameters["preparation"].get("seeds")
    return set() if wanted == made_from.get("seeds") else _prepared_with("seeds")


def _prepared_with(setting: str) -> set[str]:
    """Return the prepared datasets that depend on a setting, such as ``zca`` or ``split``."""
    data = pipelines["data"]
    inputs = {name for name in data.inputs() if name.endswith((f":{setting}", f".{setting}"))}
    made: set[str] = data.from_inputs(*inputs, "params:preparation").all_outputs()
    return made


def _is_any_damaged(prepared: set[str], record: dict[str, Any], catalog: Catalog) -> bool:
    """Return whether a stored prepared file differs from its record, or there is no record."""
    stored = {name for name in prepared & recorded_datasets(catalog) if catalog.exists(name)}
    if not stored:
        return False
    if record:
        fault = describe_changed_prepared(stored, record, catalog)
    else:
        fault = f"{file_of(catalog, 'prepared_files')}: no record of the prepared files"
    if fault:
        logger.warning("%s; the images are prepared again", fault)
    return bool(fault)
