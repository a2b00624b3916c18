"""Datasets as they are stored, stale or not, and records read without failing."""

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
    """A dataset that counts as missing until it is saved again."""

    def __init__(self, stored: Any) -> None:
        """Wrap the stored dataset."""
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


def changed_files(
    digests: str, names: Iterable[str], recorded: dict[str, str], record: str, catalog: Catalog
) -> str:
    """Say which files are not those that were recorded; nothing if all are.

    Args:
        digests: The dataset of their digests now.
        names: Of datasets.
        recorded: The digests as they should be.
        record: The file that they stand in.
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
    """Return the digest of what a dataset holds now; empty if it cannot be read."""
    stored = stored_dataset(catalog, name)
    if hasattr(stored, "digest"):
        return str(stored.digest())
    try:
        value: Any = catalog.load(name) if catalog.exists(name) else None
    except Exception as error:
        if fault_of(error) is None:
            raise
        return ""  # said by the node that reads it
    return study_digests.digest(value.to_csv(index=False) if hasattr(value, "to_csv") else value)


def dataset_of(catalog: Catalog, name: str) -> Any:
    """Return a dataset of the catalog by its name."""
    return catalog.get(name)


def stored_dataset(catalog: Catalog, name: str) -> Any:
    """The dataset as it is stored, stale or not."""
    dataset = dataset_of(catalog, name)
    while isinstance(dataset, StaleDataset):
        dataset = dataset.stored
    return dataset


def file_of(catalog: Catalog, name: str) -> str:
    """Where a dataset is stored, as messages name it."""
    return str(stored_dataset(catalog, name)._file)


def is_kept(catalog: Catalog, name: str) -> bool:
    """Return whether a dataset outlives the run: it is in the catalog, not in memory."""
    return name in catalog and not getattr(catalog.get(name), "_EPHEMERAL", False)


def fault_of(error: Exception) -> StudyError | None:
    """What is wrong with a file that is stored; None if that is not known."""
    fault = explanation(error)
    return None if isinstance(fault, UnreachableError) else fault


def load_record(catalog: Catalog, name: str) -> dict[str, Any]:
    """A stored JSON record, stale or not; an empty one if there is none that can be read."""
    if name not in catalog or not stored_dataset(catalog, name).exists():
        return {}
    try:
        record = stored_dataset(catalog, name).load()
    except Exception as error:
        fault = fault_of(error)
        if fault is None:
            raise
        logger.warning("%s", fault.message)
        return {}
    return record if isinstance(record, dict) else {}


def load_sealed(catalog: Catalog, name: str, then: str) -> dict[str, Any]:
    """A stored record as it was written; an empty one if there is none, and ``then`` is said."""
    record = load_record(catalog, name)
    if record and not study_digests.is_sealed(record):
        said = "%s: damaged, or changed since it was made; %s"
        logger.warning(said, file_of(catalog, name), then)
        return {}
    return record
