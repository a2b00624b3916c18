"""The file of a technique's results: one zip with a Parquet file per table, written atomically."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import fields

import pandas as pd

from regbench.evaluation.results import Results
from regbench.storage.atomic import damaged_file_errors
from regbench.storage.stored_file import StoredFile

_VERSION = 3  # of the tables' names and columns; increment on every change
_READABLE = (1, 2, 3)  # version 2 had no column label_probability in its predictions
_VERSION_1_NAMES = {"trainings": "runs"}  # tables that had another name in version 1
_VERSION_ENTRY = "format"

TABLES = tuple(table.name for table in fields(Results))


def read_tables(file: StoredFile, names: Sequence[str] = TABLES) -> list[pd.DataFrame]:
    """Return some tables of a file; the others are verified by their checksums, but not parsed.

    Raises:
        DamagedFileError: The file is damaged, or of an unknown format version.
    """
    with damaged_file_errors(file), zipfile.ZipFile(file.local_copy()) as tables:
        version = int(tables.read(_VERSION_ENTRY)) if _VERSION_ENTRY in tables.namelist() else 0
        former = _VERSION_1_NAMES if version == 1 else {}
        if version not in _READABLE:
            raise ValueError(f"it has format {version}, this version of RegBench {_VERSION}")
        damaged = tables.testzip()
        if damaged:
            raise ValueError(f"{damaged} does not have its checksum")
        contents = [tables.read(f"{former.get(name, name)}.parquet") for name in names]
        return [pd.read_parquet(io.BytesIO(content)) for content in contents]


def write_results(file: StoredFile, results: Results) -> None:
    """Write all tables."""
    with (
        file.atomic_write() as partial,
        zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as tables,
    ):
        tables.writestr(_VERSION_ENTRY, str(_VERSION))
        for name in TABLES:
            frame: pd.DataFrame = getattr(results, name)
            tables.writestr(f"{name}.parquet", frame.to_parquet(index=False))
