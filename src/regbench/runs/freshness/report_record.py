"""The record of what the report was made from: the digests of its inputs and of its files."""

import logging
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from regbench.runs.freshness.stored import (
    Catalog,
    describe_changed_files,
    digest_of_dataset,
    file_of,
    load_sealed,
    stored_dataset,
)
from regbench.study import code
from regbench.study import digests as study_digests
from regbench.study.arms import networks_in

logger = logging.getLogger(__name__)

# Inputs of the report that are compared in another way (networks by the digests of their weights
# in the results), or that every run changes.
_NOT_COMPARED = frozenset({"image_digest", "networks", "study_history_before"})


def remove_report_record(pipeline: Pipeline, catalog: Catalog) -> None:
    """Remove the record before a run replaces any file of the report."""
    if pipelines["reporting"].all_outputs() & pipeline.all_outputs():
        stored_dataset(catalog, "report_made_from").remove()


def save_report_record(pipeline: Pipeline, catalog: Catalog) -> None:
    """Save the record after a run that has made all files of the report."""
    if pipelines["reporting"].all_outputs() <= pipeline.all_outputs():
        image_digest = catalog.load("comparison_made_from")["images"]
        made_from = study_digests.sealed(_made_from_now(catalog, image_digest))
        catalog.save("report_made_from", made_from)


def is_report_current(catalog: Catalog, image_digest: str | None) -> bool:
    """Return whether the report's inputs and files still match its record.

    Args:
        catalog: Of the session.
        image_digest: Of the set of images; None if it cannot be read.
    """
    recorded = load_sealed(catalog, "report_made_from", "the report is made again")
    if not recorded:
        return False
    record = file_of(catalog, "report_made_from")
    now = _made_from_now(catalog, image_digest)
    files = recorded["files"]
    for dataset in _file_digests(catalog):
        own, recorded_own = (_of_dataset(dataset, of) for of in (now["files"], files))
        fault = describe_changed_files(dataset, own, recorded_own, record, catalog)
        if fault:
            logger.warning("%s; the report is made again", fault)
    return recorded == study_digests.sealed(now)


def _made_from_now(catalog: Catalog, image_digest: str | None) -> dict[str, Any]:
    """Return the digests of the report's present inputs and, as ``files``, of its files."""
    # The data's fingerprint stands for all prepared data.
    prepared = pipelines["data"].all_outputs() - {"data_fingerprint"}
    inputs = pipelines["reporting"].inputs() - prepared - _NOT_COMPARED
    digests: dict[str, Any] = {name: digest_of_dataset(catalog, name) for name in sorted(inputs)}
    digests |= {"image_digest": image_digest, "code": code.digest_of_package()}
    files = {
        f"{_beginning(dataset)}{name}": digest
        for dataset in _file_digests(catalog)
        for name, digest in catalog.load(dataset).items()
    }
    return digests | {"files": files}


def _of_dataset(dataset: str, files: dict[str, str]) -> dict[str, str]:
    """Return the digests of a dataset of them, by the names that it has itself."""
    beginning = _beginning(dataset)
    return {
        name.removeprefix(beginning): digest
        for name, digest in files.items()
        if name.startswith(beginning)
    }


def _beginning(dataset: str) -> str:
    """Return what the names of a network's files begin with in the record, such as ``mlp.``."""
    return dataset.removesuffix("report_digests")


def _file_digests(catalog: Catalog) -> list[str]:
    """Return the datasets of the digests of the report's files, those of each network included."""
    networks = [name for name in networks_in(catalog.load("params:trainings")) if name]
    return ["report_digests", *(f"{network}.report_digests" for network in networks)]
