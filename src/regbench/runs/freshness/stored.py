"""Access to stored datasets, stale or not, and reading of JSON records that may be damaged."""

import logging
from collections.abc import Iterable
from typing import Any

from kedro.io import AbstractDataset, CatalogProtocol

from regbench.errors import StudyError, UnreachableError, explanation
from regbench.storage.stored_file import digest
from regbench.study import digests as study_digests

logger = logging.getLogger(__name__)
Catalog = CatalogProtocol[Any, Any]


class StaleDataset(AbstractDataset[Any, Any]):
    """A dataset that Kedro finds missing until it is saved again."""

    def __init__(self, stored: Any) -> None:
        """Wrap the dataset as the catalog has it."""
        self.stored = stored
        self._saved = False

    def load(self) -> Any:
        """Return what is stored."""
        return self.stored.load()

    def save(self, data: Any) -> None:
        """Replace what is stored."""
        self.stored.save(data)
        self._saved = True

    def _exists(self) -> bool:
        return self._saved

    def _describe(self) -> dict[str, Any]:
        return {"stale": self.stored}


def describe_changed_files(
    digests: str, names: Iterable[str], recorded: dict[str, str], record: str, catalog: Catalog
) -> str:
    """Return a message on the files that differ from their record; empty if none does.

    Args:
        digests: The dataset that loads the files' present digests.
        names: The datasets to compare.
        recorded: The recorded digest by dataset.
        record: The record's file, for the message.
        catalog: Of the session.
    """
    dataset = stored_dataset(catalog, digests)
    changed = [
        str(file)
        for name, file in dataset.files.items()
        if name in names and digest(file) != recorded.get(name, "")
    ]
    return f"{', '.join(changed)}: not as {record} has it, damaged or changed" if changed else ""


def digest_of_dataset(catalog: Catalog, name: str) -> str:
    """Return the digest of a dataset's present content; empty if it cannot be read."""
    stored = stored_dataset(catalog, name)
    if hasattr(stored, "digest"):
        return str(stored.digest())
    try:
        value: Any = catalog.load(name) if catalog.exists(name) else None
    except Exception as error:
        if damage_of(error) is None:
            raise
        return ""  # the node that reads it reports the fault
    return study_digests.digest(value.to_csv(index=False) if hasattr(value, "to_csv") else value)


def dataset_of(catalog: Catalog, name: str) -> Any:
    """Return a dataset of the catalog; ``Any``, as datasets have methods that Kedro's lack."""
    return catalog.get(name)


def stored_dataset(catalog: Catalog, name: str) -> Any:
    """Return a dataset without the wrapper that makes a stale one look missing."""
    dataset = dataset_of(catalog, name)
    while isinstance(dataset, StaleDataset):
        dataset = dataset.stored
    return dataset


def file_of(catalog: Catalog, name: str) -> str:
    """Return the file or address of a dataset, as messages show it."""
    return str(stored_dataset(catalog, name)._file)


def is_stored_after_run(catalog: Catalog, name: str) -> bool:
    """Return whether a dataset outlives the run: it is in the catalog, and not only in memory."""
    return name in catalog and not getattr(catalog.get(name), "_EPHEMERAL", False)


def damage_of(error: Exception) -> StudyError | None:
    """Return the error that explains a damaged file; None if the cause is another or not known."""
    fault = explanation(error)
    return None if isinstance(fault, UnreachableError) else fault


def load_record(catalog: Catalog, name: str) -> dict[str, Any]:
    """Return a JSON record, stale or not; an empty one if it is missing or cannot be read."""
    if name not in catalog or not stored_dataset(catalog, name).exists():
        return {}
    try:
        record = stored_dataset(catalog, name).load()
    except Exception as error:
        fault = damage_of(error)
        if fault is None:
            raise
        logger.warning("%s", fault.message)
        return {}
    return record if isinstance(record, dict) else {}


def load_sealed(catalog: Catalog, name: str, consequence: str) -> dict[str, Any]:
    """Return a JSON record if its own digest matches it; otherwise warn and return an empty one.

    Args:
        catalog: Of the session.
        name: The dataset of the record.
        consequence: What follows from a damaged record, for the warning.
    """
    record = load_record(catalog, name)
    if record and not study_digests.is_sealed(record):
        warning = "%s: damaged, or changed since it was made; %s"
        logger.warning(warning, file_of(catalog, name), consequence)
        return {}
    return record
