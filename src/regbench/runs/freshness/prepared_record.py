"""The record of the prepared files: the digest of each, and the fingerprint of the data.

The node ``record_files`` writes it when all of the data pipeline has run. While files are replaced
it must not vouch for them, so it is reduced before a run and completed after it.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline

from regbench.errors import DamagedFileError
from regbench.runs.freshness.stored import (
    Catalog,
    describe_changed_files,
    file_of,
    load_record,
    stored_dataset,
)
from regbench.study import digests


class ReducedRecord(NamedTuple):
    """The prepared datasets that a run replaces, and the whole record from before the run."""

    replaced: set[str]
    record: dict[str, Any]


def reduce_prepared_record(
    pipeline: Pipeline, catalog: Catalog, *, only_missing_outputs: bool
) -> ReducedRecord:
    """Remove the prepared files that a run is about to replace from their record.

    If the images or the split are replaced, the file of the data's fingerprint is removed too. The
    record keeps a copy: should the data become the same again, what was trained on them stays.

    Args:
        pipeline: What is about to run.
        catalog: Of the session.
        only_missing_outputs: Whether the run skips datasets that exist.

    Returns:
        What ``complete_prepared_record`` needs after the run; the record is empty if there is
        none.
    """
    record = load_record(catalog, "prepared_files")
    record = record if digests.is_sealed(record) else {}
    replaced = recorded_datasets(catalog) & pipeline.all_outputs()
    if only_missing_outputs:
        replaced = {name for name in replaced if not catalog.exists(name)}
    if replaced and record:
        others = {name: file for name, file in record["files"].items() if name not in replaced}
        _save_record(others, record["data_fingerprint"], catalog)
    elif replaced:
        stored_dataset(catalog, "prepared_files").remove()
    if replaced & {"images", "split_index"}:
        stored_dataset(catalog, "data_fingerprint").remove()
    return ReducedRecord(replaced, record)


def complete_prepared_record(reduced: ReducedRecord, pipeline: Pipeline, catalog: Catalog) -> None:
    """Add the replaced files to the record after a run of only a part of the data pipeline.

    All of them are added if the run has made a new fingerprint of the data. Otherwise only files
    with the same content as before are: what the others were made from is not known.
    """
    replaced, record = reduced
    if not replaced or "prepared_files" in pipeline.all_outputs():
        return
    before = record.get("files", {})
    now = stored_dataset(catalog, "prepared_digests").load()
    files = {
        name: file for name, file in before.items() if name not in replaced or now[name] == file
    }
    if "data_fingerprint" in pipeline.all_outputs():
        files |= {name: now[name] for name in replaced if now[name]}
        _save_record(files, catalog.load("data_fingerprint"), catalog)
    elif record:
        _save_record(files, record["data_fingerprint"], catalog)


def _save_record(files: dict[str, str], data_fingerprint: dict[str, Any], catalog: Catalog) -> None:
    record = digests.sealed({"files": files, "data_fingerprint": data_fingerprint})
    stored_dataset(catalog, "prepared_files").save(record)


def check_prepared_files(names: set[str], catalog: Catalog) -> None:
    """Check that the prepared files that a run reads are as they were recorded.

    Raises:
        DamagedFileError: Some are not; it names them, and the command that makes them again.
    """
    record = load_record(catalog, "prepared_files")
    if digests.is_sealed(record):
        fault = describe_changed_prepared(names, record, catalog)
    else:
        fault = f"{file_of(catalog, 'prepared_files')}: damaged, or changed since it was made"
    if fault:
        raise DamagedFileError(
            f"{fault}; {catalog.load('params:command')} --pipelines=data --only-missing-outputs "
            "prepares the images again"
        )


def recorded_datasets(catalog: Catalog) -> set[str]:
    """Return the names of the prepared datasets whose files are recorded."""
    return set(stored_dataset(catalog, "prepared_digests").files)


def describe_changed_prepared(
    names: Iterable[str], record: dict[str, Any], catalog: Catalog
) -> str:
    """Return a message on the prepared files that differ from their record; empty if none does."""
    shown = file_of(catalog, "prepared_files")
    return describe_changed_files("prepared_digests", names, record["files"], shown, catalog)
