"""The record of the prepared files: their digests when all had been written."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from kedro.pipeline import Pipeline

from regbench.errors import DamagedFileError
from regbench.runs.freshness.stored import (
    Catalog,
    changed_files,
    file_of,
    load_record,
    stored_dataset,
)
from regbench.study import digests


class Forgotten(NamedTuple):
    """The prepared files that a run makes again, and the record of all of them before."""

    made: set[str]
    record: dict[str, Any]


def forget_prepared(
    pipeline: Pipeline, catalog: Catalog, *, only_missing_outputs: bool
) -> Forgotten:
    """Take out of the record what is about to be made again, and remove the data's fingerprint.

    These say what the stored data are; while they are replaced nobody can. The record keeps what
    the data were: if they become the same again, what was trained on them stays.

    Returns:
        For ``remember_prepared``; the record is empty if there is none.
    """
    record = load_record(catalog, "prepared_files")
    record = record if digests.is_sealed(record) else {}
    made = recorded_names(catalog) & pipeline.all_outputs()
    if only_missing_outputs:
        made = {name for name in made if not catalog.exists(name)}
    if made and record:
        left = {name: file for name, file in record["files"].items() if name not in made}
        _save_record(left, record["data_fingerprint"], catalog)
    elif made:
        stored_dataset(catalog, "prepared_files").remove()
    if made & {"images", "split_index"}:
        stored_dataset(catalog, "data_fingerprint").remove()
    return Forgotten(made, record)


def remember_prepared(forgotten: Forgotten, pipeline: Pipeline, catalog: Catalog) -> None:
    """Bring the record up to date where only a part of the data pipeline was run.

    Without a new fingerprint of the data, only files that are as they were go back into it: of
    others nobody knows what they were made from.
    """
    made, record = forgotten
    if not made or "prepared_files" in pipeline.all_outputs():
        return
    before = record.get("files", {})
    now = stored_dataset(catalog, "prepared_digests").load()
    files = {name: file for name, file in before.items() if name not in made or now[name] == file}
    if "data_fingerprint" in pipeline.all_outputs():
        files |= {name: now[name] for name in made if now[name]}
        _save_record(files, catalog.load("data_fingerprint"), catalog)
    elif record:
        _save_record(files, record["data_fingerprint"], catalog)


def _save_record(files: dict[str, str], data: dict[str, Any], catalog: Catalog) -> None:
    record = digests.sealed({"files": files, "data_fingerprint": data})
    stored_dataset(catalog, "prepared_files").save(record)


def check_prepared(names: set[str], catalog: Catalog) -> None:
    """Stop where prepared files that are about to be read are not those that were made.

    Raises:
        StudyError: They are not; it names them, and the command that makes them again.
    """
    record = load_record(catalog, "prepared_files")
    if digests.is_sealed(record):
        said = changed_prepared(names, record, catalog)
    else:
        said = f"{file_of(catalog, 'prepared_files')}: damaged, or changed since it was made"
    if said:
        raise DamagedFileError(
            f"{said}; {catalog.load('params:command')} --pipelines=data --only-missing-outputs "
            "prepares the images again"
        )


def recorded_names(catalog: Catalog) -> set[str]:
    """The prepared datasets whose files are recorded."""
    return set(stored_dataset(catalog, "prepared_digests").files)


def changed_prepared(names: Iterable[str], prepared: dict[str, Any], catalog: Catalog) -> str:
    """Name the prepared files that differ from their record; empty if none does."""
    record = file_of(catalog, "prepared_files")
    return changed_files("prepared_digests", names, prepared["files"], record, catalog)
