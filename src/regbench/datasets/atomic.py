"""The kedro-datasets classes that RegBench uses, written so that a file is whole or absent.

A killed process or a full disk leaves the previous file, never half of the next one, so a
resumed run can trust whatever exists.
"""

import base64
import io
from pathlib import PurePosixPath
from typing import Any, ClassVar, NoReturn

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets import json, pandas, text
from kedro_datasets._typing import ImagePreview, TablePreview  # noqa: PLC2701 - as Kedro-Viz asks

from regbench.storage.atomic import made_by_regbench
from regbench.storage.spreadsheet import guarded, quoting, unguarded
from regbench.storage.stored_file import stored_file

_PANEL_SHAPE = 458 / 300  # width by height of kedro-viz's preview panel


class AtomicSave:
    """Let a versionless dataset write beside its file and take its place at the end.

    Of a file in a store, the kedro dataset knows only the copy here.
    """

    _partial: PurePosixPath | None = None

    def __init__(
        self, *, filepath: str, credentials: dict[str, Any] | None = None, **of_kedro: Any
    ) -> None:
        """Name the file; ``credentials`` are for a store, the rest is the kedro dataset's."""
        self._file = stored_file(filepath, credentials)
        super().__init__(filepath=str(self._file.path), **of_kedro)  # type: ignore[call-arg]

    def load(self) -> Any:
        """Read the file.

        Raises:
            kedro.io.DatasetError: It is missing or damaged; the cause says so.
        """
        with made_by_regbench(self._file):
            return super().load()  # type: ignore[misc]  # the kedro dataset's

    def save(self, data: Any) -> None:
        """Write ``data`` whole or not at all.

        Raises:
            kedro.io.DatasetError: The file cannot be written; what stood there is unchanged.
        """
        with self._file.written() as partial:
            self._partial = PurePosixPath(partial)
            try:
                super().save(data)  # type: ignore[misc]  # the kedro dataset's
            finally:
                self._partial = None

    def _get_load_path(self) -> PurePosixPath:
        return PurePosixPath(self._file.readable())

    def _get_save_path(self) -> PurePosixPath:
        return self._partial or PurePosixPath(self._file.path)

    def _exists(self) -> bool:
        return self._file.exists()


def table_preview(table: dict[str, Any]) -> TablePreview:
    """Make a table in pandas' split form readable in kedro-viz.

    Figures have six digits; what is missing is a dash, kedro-viz would write ``null``.
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
    """A table as CSV that a spreadsheet takes for text and numbers, never for formulas."""

    _save_args: dict[str, Any]

    def load(self) -> Any:
        """Read the table as it was saved."""
        return unguarded(super().load())

    def save(self, data: Any) -> None:
        """Write the table; text that could start a formula gets an apostrophe in front."""
        usual = self._save_args
        if isinstance(data, pd.DataFrame):
            data = guarded(data)
            self._save_args = {"quoting": quoting(data), **usual}
        try:
            super().save(data)
        finally:
            self._save_args = usual

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for kedro-viz."""
        return table_preview(super().preview(nrows))


class ParquetDataset(AtomicSave, pandas.ParquetDataset):
    """A table as Parquet, with checksums: a flipped byte is noticed."""

    DEFAULT_LOAD_ARGS: ClassVar[dict[str, Any]] = {"page_checksum_verification": True}
    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"write_page_checksum": True}


class JSONDataset(AtomicSave, json.JSONDataset):
    """Plain values as JSON."""

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self._file.remove()


class TextDataset(AtomicSave, text.TextDataset):
    """A text file."""


class MatplotlibDataset(AbstractDataset[Any, NoReturn]):
    """A figure as a picture.

    The class of kedro-datasets imports Matplotlib's pyplot, for which every command would wait.
    """

    def __init__(
        self,
        *,
        filepath: str,
        save_args: dict[str, Any] | None = None,
        credentials: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """Name the file.

        Args:
            filepath: A path or an address.
            save_args: Those of ``savefig``.
            credentials: For a store.
            metadata: For kedro-viz.
        """
        self._file = stored_file(filepath, credentials)
        self._save_args = save_args or {}
        self.metadata = metadata

    def load(self) -> NoReturn:
        """Refuse: a picture is no figure any more."""
        raise DatasetError("a figure is only written")

    def save(self, data: Any) -> None:
        """Write a Matplotlib figure whole or not at all."""
        with self._file.written() as partial:
            data.savefig(partial, **self._save_args)

    def _exists(self) -> bool:
        return self._file.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._file), "save_args": self._save_args}

    def preview(self) -> ImagePreview:
        """The picture as base64, with margins that give it the shape of kedro-viz's panel.

        kedro-viz stretches a picture of another shape, and expanded cuts off the sides of a wide
        one.
        """
        from PIL import Image, ImageOps  # noqa: PLC0415

        with Image.open(self._file.readable()) as file:
            picture = file.convert("RGB")
        width, height = picture.size
        shape = max(width, round(height * _PANEL_SHAPE)), max(height, round(width / _PANEL_SHAPE))
        png = io.BytesIO()
        ImageOps.pad(picture, shape, color="white").save(png, "PNG")
        return ImagePreview(base64.b64encode(png.getvalue()).decode())
