"""Whether files are whole, and whether two data roots hold the same results."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

_PARTIAL = re.compile(r"\..*\.partial.*")
_TIMES = re.compile("seconds|_at$")  # figures and columns that differ from run to run
_BOOKKEEPING = (".runs",)  # no results
# What tells when and where runs were made, or is a digest of that, is different every time.
_OF_THE_OCCASION = ("09_history/", "08_reporting/report_made_from.json")
_HISTORY = "09_history/history.parquet"
_RUN_OF_TECHNIQUE = ["run", "technique"]
_WHEN = ["run", "time", "run_seconds", "versions", "alarms"]
_PNG_END = b"IEND\xaeB`\x82"


def files(data_root: Path) -> list[Path]:
    """The results: all files but temporary ones and bookkeeping."""
    return sorted(
        path
        for path in data_root.rglob("*")
        if path.is_file()
        and not _PARTIAL.fullmatch(path.name)
        and path.relative_to(data_root).parts[0] not in _BOOKKEEPING
    )


def leftovers(data_root: Path) -> list[Path]:
    """Temporary files, and records of runs that are at work no more."""
    records = data_root.glob(".runs/*.json")
    return [*(p for p in data_root.rglob("*") if _PARTIAL.fullmatch(p.name)), *records]


def damaged(data_root: Path) -> list[str]:
    """The files that stand under their name and cannot be read in full, and why."""
    found = []
    for path in files(data_root):
        try:
            _READERS[path.suffix](path)
        except Exception as error:  # a damaged file makes its reader raise nearly anything
            found.append(f"{path.relative_to(data_root)}: {type(error).__name__}: {error}")
    return found


def differences(one: Path, other: Path) -> list[str]:
    """What results differ in: predictions, metrics, weights, data, comparison; not in seconds."""
    names = {str(path.relative_to(root)) for root in (one, other) for path in files(root)}
    found = []
    for name in sorted(name for name in names if not name.startswith(_OF_THE_OCCASION)):
        if not (one / name).exists() or not (other / name).exists():
            found.append(f"{name}: in one only")
        elif not _same(one / name, other / name):
            found.append(f"{name}: differs")
    return found


def _same(one: Path, other: Path) -> bool:
    """Whether files hold the same; one that cannot be read does not."""
    compared = _COMPARED.get(one.suffix)
    try:
        return compared is None or bool(compared(one) == compared(other))
    except Exception:  # see ``damaged``
        return False


def runs_in_history(data_root: Path) -> list[str]:
    """The names of the runs that the history holds, the oldest first; none if it has not begun."""
    path = data_root / _HISTORY
    return list(pd.read_parquet(path)["run"].unique()) if path.exists() else []


def history_faults(data_root: Path, earlier: Iterable[str] = ()) -> list[str]:
    """What is wrong with a history: it cannot be read, runs are lost, or are in it twice.

    Args:
        data_root: With or without a history.
        earlier: Names of the runs that it held before.
    """
    path = data_root / _HISTORY
    aside = path.parent.glob("history.unreadable-*")
    found = [f"{other.name}: set aside as unreadable" for other in aside]
    try:
        table = pd.read_parquet(path) if path.exists() else pd.DataFrame(columns=_RUN_OF_TECHNIQUE)
        names = list(table["run"].unique())
        twice = table["run"][table.duplicated(_RUN_OF_TECHNIQUE)].unique()
        outcomes = [_outcome(table[table["run"] == name]) for name in names]
    except Exception as error:  # see ``damaged``
        return [*found, f"{_HISTORY}: {type(error).__name__}: {error}"]
    found += [f"{_HISTORY}: run {name} is lost" for name in earlier if name not in names]
    found += [f"{_HISTORY}: run {name} is in it twice" for name in twice]
    found += [
        f"{_HISTORY}: run {name} is the one before once more"
        for name, outcome, before in zip(names[1:], outcomes[1:], outcomes, strict=False)
        if outcome == before
    ]
    return found


def _outcome(run: pd.DataFrame) -> str:
    """A run of the history without what tells when it was: the same trainings, the same text."""
    outcome = run.drop(columns=_WHEN, errors="ignore").sort_values("technique")
    return str(outcome.to_csv(index=False))


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def _html(path: Path) -> None:
    text = path.read_text("utf-8").rstrip()
    if not (text.startswith("<!DOCTYPE html>") and text.endswith("</html>")):
        raise ValueError("cut off")


def _text(path: Path) -> None:
    if not path.read_text("utf-8").endswith("\n"):
        raise ValueError("cut off")


def _npz(path: Path) -> None:
    with np.load(path, allow_pickle=False) as arrays:
        dict(arrays)


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path) as entries:
        broken = entries.testzip()
        if broken:
            raise ValueError(f"{broken} is damaged")
        for name in entries.namelist():
            if name.endswith(".parquet"):
                pd.read_parquet(io.BytesIO(entries.read(name)))


def _keras(path: Path) -> None:
    import h5py

    _zip(path)
    with zipfile.ZipFile(path) as entries:
        json.loads(entries.read("config.json"))
        with h5py.File(io.BytesIO(entries.read("model.weights.h5"))) as weights:
            weights.visititems(lambda _, item: item[()] if isinstance(item, h5py.Dataset) else None)


def _png(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()
    if not path.read_bytes().endswith(_PNG_END):  # which Pillow does without
        raise ValueError("cut off")


_READERS: dict[str, Callable[[Path], Any]] = {
    ".csv": pd.read_csv,
    ".html": _html,
    ".json": _json,
    ".keras": _keras,
    ".md": _text,
    ".npy": lambda path: np.load(path, allow_pickle=False),
    ".npz": _npz,
    ".parquet": pd.read_parquet,
    ".png": _png,
    ".zip": _zip,
}


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(v) for key, v in value.items() if not _TIMES.search(key)}
    return value


def _timeless_table(path: Path) -> str:
    table = pd.read_csv(path, dtype=str)
    return str(table[[name for name in table if not _TIMES.search(name)]].to_csv())


def _table(path: Path) -> Any:
    """All values, whatever else the file tells of itself."""
    return _values(pd.read_parquet(path))


def _values(table: pd.DataFrame) -> dict[str, str]:
    return {
        str(name): json.dumps(column.tolist(), default=np.ndarray.tolist)
        for name, column in table.items()
        if not _TIMES.search(str(name))
    }


def _arrays(path: Path) -> Any:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: (v.shape, str(v.dtype), v.tobytes()) for name, v in arrays.items()}


def _weights(path: Path) -> Any:
    import h5py

    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, str(item.dtype), item[()].tobytes())

    with (
        zipfile.ZipFile(path) as entries,
        h5py.File(io.BytesIO(entries.read("model.weights.h5"))) as weights,
    ):
        weights.visititems(note)
    return found


def _tables(path: Path) -> Any:
    """The tables of a technique's results."""
    with zipfile.ZipFile(path) as entries:
        return {
            name: _values(pd.read_parquet(io.BytesIO(entries.read(name))))
            for name in entries.namelist()
            if name.endswith(".parquet")
        }


def _markdown(path: Path) -> Any:
    """A table's lines without the column of seconds."""
    lines = path.read_text("utf-8").splitlines()
    split = [line.split(" | ") for line in lines]
    heads = next((cells for cells in split if "seconds" in "".join(cells)), [])
    timed = {at for at, head in enumerate(heads) if "seconds" in head}
    return [[cell for at, cell in enumerate(cells) if at not in timed] for cells in split]


# A page shows times, durations and pictures of them, and is not compared: a table beside it is.
_COMPARED: dict[str, Callable[[Path], Any]] = {
    ".csv": _timeless_table,
    ".json": lambda path: _timeless(_json(path)),
    ".keras": _weights,
    ".md": _markdown,
    ".npy": Path.read_bytes,
    ".npz": _arrays,
    ".parquet": _table,
    ".png": Path.read_bytes,
    ".zip": _tables,
}
