"""The record of what the report was made from."""

import logging
from typing import Any

from kedro.framework.project import pipelines
from kedro.pipeline import Pipeline

from regbench.runs.freshness.stored import (
    Catalog,
    changed_files,
    digest_of_dataset,
    file_of,
    load_sealed,
    stored_dataset,
)
from regbench.study import code
from regbench.study import digests as study_digests

logger = logging.getLogger(__name__)

# Inputs of the report that are looked at by themselves, or that the run itself has changed.
_OF_EVERY_RUN = frozenset({"image_digest", "study_history_before"})


def forget_report_record(pipeline: Pipeline, catalog: Catalog) -> None:
    """Remove the record of what the report was made from before any of it is made again."""
    if pipelines["reporting"].all_outputs() & pipeline.all_outputs():
        stored_dataset(catalog, "report_made_from").remove()


def record_report(pipeline: Pipeline, catalog: Catalog) -> None:
    """Write down what the report was made from, when all of it has been made."""
    if pipelines["reporting"].all_outputs() <= pipeline.all_outputs():
        images = catalog.load("comparison_made_from")["images"]
        made_from = study_digests.sealed(_made_from_now(catalog, images))
        catalog.save("report_made_from", made_from)


def _made_from_now(catalog: Catalog, images: str | None) -> dict[str, Any]:
    """What the report would be made from now, and what its files hold.

    Args:
        catalog: Of the session.
        images: The digest of the set of images; None if it cannot be read.

    Returns:
        Digests by input of the report, and, as ``files``, by what is made.
    """
    of_data = pipelines["data"].all_outputs() - {"data_fingerprint"}  # which identifies them
    inputs = pipelines["reporting"].inputs() - of_data - _OF_EVERY_RUN
    digests: dict[str, Any] = {name: digest_of_dataset(catalog, name) for name in sorted(inputs)}
    digests |= {"image_digest": images, "code": code.digest_of_package()}
    return digests | {"files": catalog.load("report_digests")}


def is_report_current(catalog: Catalog, images: str | None) -> bool:
    """Whether the report is made from what there is now, and is as it was made."""
    recorded = load_sealed(catalog, "report_made_from", "the report is made again")
    if not recorded:
        return False
    record = file_of(catalog, "report_made_from")
    now = _made_from_now(catalog, images)
    files = recorded["files"]
    said = changed_files("report_digests", now["files"], files, record, catalog)
    if said:
        logger.warning("%s; the report is made again", said)
    return recorded == study_digests.sealed(now)
