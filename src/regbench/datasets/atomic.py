"""The kedro-datasets classes that RegBench uses, with atomic writes.

A killed process or a full disk leaves the previous file, never a partial one, so a resumed run can
rely on every file that exists.
"""

import base64
import io
from pathlib import PurePosixPath
from typing import Any, ClassVar, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets import json, pandas, text
from kedro_datasets._typing import ImagePreview, TablePreview  # noqa: PLC2701 - as Kedro-Viz asks

from regbench.storage.atomic import damaged_file_errors
from regbench.storage.spreadsheet import csv_quoting, escape_formulas, unescape_formulas
from regbench.storage.stored_file import stored_file

_PANEL_SHAPE = 458 / 300  # width by height of kedro-viz's preview panel


# Where the locale's encoding is another, text is UTF-8 all the same.
_TEXT_FILES: dict[str, Any] = {
    "open_args_save": {"mode": "w", "encoding": "utf-8"},
    "open_args_load": {"mode": "r", "encoding": "utf-8"},
}


class AtomicSave:
    """A mixin that makes the writes of an unversioned kedro dataset atomic.

    The kedro dataset writes a temporary file, which is renamed. For a file in a store it reads and
    writes the local copy in the cache.
    """

    _partial: PurePosixPath | None = None

    def __init__(
        self, *, filepath: str, credentials: dict[str, Any] | None = None, **kedro_arguments: Any
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: A path or URL.
            credentials: Options of the store's file system.
            **kedro_arguments: Further arguments of the kedro dataset.
        """
        self._file = stored_file(filepath, credentials)
        super().__init__(filepath=str(self._file.path), **kedro_arguments)  # type: ignore[call-arg]

    def load(self) -> Any:
        """Return the content, as the kedro dataset does.

        Raises:
            kedro.io.DatasetError: The file is missing or damaged (see the cause).
        """
        with damaged_file_errors(self._file):
            return super().load()  # type: ignore[misc]  # the kedro dataset's

    def save(self, data: Any) -> None:
        """Write ``data`` atomically.

        Raises:
            kedro.io.DatasetError: The file cannot be written; it keeps its previous content.
        """
        with self._file.atomic_write() as partial:
            self._partial = PurePosixPath(partial)
            try:
                super().save(data)  # type: ignore[misc]  # the kedro dataset's
            finally:
                self._partial = None

    def _get_load_path(self) -> PurePosixPath:
        return PurePosixPath(self._file.local_copy())

    def _get_save_path(self) -> PurePosixPath:
        return self._partial or PurePosixPath(self._file.path)

    def _exists(self) -> bool:
        return self._file.exists()


def table_preview(table: dict[str, Any]) -> TablePreview:
    """Return a table for kedro-viz: floats with six significant digits, missing values as a dash.

    Args:
        table: ``columns``, ``index`` and ``data``, as of ``DataFrame.to_dict(orient="split")``.
    """
    rows = [
        [
            "–" if pd.isna(value) else float(f"{value:.6g}") if isinstance(value, float) else value
            for value in row
        ]
        for row in table["data"]
    ]
    return TablePreview(table | {"data": rows})


class CSVDataset(AtomicSave, pandas.CSVDataset):
    """A table as CSV, safe against formula injection in spreadsheets (CSV injection)."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = _TEXT_FILES
    _save_args: dict[str, Any]

    def load(self) -> Any:
        """Return the table as it was saved, without escapes."""
        return unescape_formulas(super().load())

    def save(self, data: Any) -> None:
        """Write the table; text that could start a formula is escaped by an apostrophe."""
        usual = self._save_args
        if isinstance(data, pd.DataFrame):
            data = escape_formulas(data)
            self._save_args = {"quoting": csv_quoting(data), **usual}
        try:
            super().save(data)
        finally:
            self._save_args = usual

    def preview(self, nrows: int = 5) -> TablePreview:
        """Return the first rows, for kedro-viz."""
        return table_preview(super().preview(nrows))


class ParquetDataset(AtomicSave, pandas.ParquetDataset):
    """A table as Parquet with page checksums (CRC-32), verified on reading."""

    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {"page_checksum_verification": True}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"write_page_checksum": True}


class JSONDataset(AtomicSave, json.JSONDataset):
    """Numbers, text, lists and dictionaries as JSON."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = _TEXT_FILES

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self._file.remove()


class TextDataset(AtomicSave, text.TextDataset):
    """A text file."""

    DEFAULT_FS_ARGS: ClassVar[dict[str, Any]] = _TEXT_FILES


class MatplotlibDataset(AbstractDataset[Any, NoReturn]):
    """A Matplotlib figure as a write-only picture.

    The class of kedro-datasets imports ``pyplot``, which would slow down every command.
    """

    def __init__(
        self,
        *,
        filepath: str,
        save_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Configure the dataset.

        Args:
            filepath: A path or URL.
            save_args: Arguments of ``Figure.savefig``.
            credentials: Options of the store's file system.
            metadata: For kedro-viz; not used here.
        """
        self._file = stored_file(filepath, credentials)
        self._save_args = save_args or {}
        self.metadata = metadata

    def load(self) -> NoReturn:
        """Raise ``DatasetError``: a picture cannot be turned back into a figure."""
        raise DatasetError("a figure is only written")

    def save(self, data: Any) -> None:
        """Write a ``matplotlib.figure.Figure`` atomically, its text in fonts that have it."""
        from regbench.report.plots.fonts import in_any_script  # noqa: PLC0415 - Matplotlib

        data = in_any_script(data)
        with self._file.atomic_write() as partial:
            data.savefig(partial, **self._save_args)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file), "save_args": self._save_args}

    def preview(self) -> ImagePreview:
        """Return the picture as base64 PNG, padded to the aspect ratio of kedro-viz's panel.

        kedro-viz stretches other pictures, and crops wide ones in its expanded view.
        """
        from PIL import Image, ImageOps  # noqa: PLC0415

        with Image.open(self._file.local_copy()) as file:
            picture = file.convert("RGB")
        width, height = picture.size
        shape = max(width, round(height * _PANEL_SHAPE)), max(height, round(width / _PANEL_SHAPE))
        png = io.BytesIO()
        ImageOps.pad(picture, shape, color="white").save(png, "PNG")
        return ImagePreview(base64.b64encode(png.getvalue()).decode())
