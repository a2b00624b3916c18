"""Whether files are whole, and whether two data roots hold the same results."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any

import h5py
import numpy as np
import pandas as pd
from PIL import Image

from regbench.storage.results_marker import MARKER

_PARTIAL = re.compile(r"\..*\.partial.*")
_TIMES = re.compile("seconds|_at$")  # figures and columns that differ from run to run
# What tells when and where runs were made, or is a digest of that, is different every time.
_OF_THE_OCCASION = ("09_history/", "08_reporting/report_made_from.json")
_HISTORY = "09_history/history.parquet"
_WHEN = ["run", "time", "run_seconds", "versions", "alarms"]


def files(data_root: Path) -> list[Path]:
    """The results: all files but temporary ones and bookkeeping."""
    return sorted(
        path
        for path in data_root.rglob("*")
        if path.is_file()
        and not _PARTIAL.fullmatch(path.name)
        and path.relative_to(data_root).parts[0] != ".runs"
        and path.name != MARKER
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
            _CONTENTS[path.suffix](path)
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
    contents = _CONTENTS[one.suffix]
    try:
        return bool(contents(one) == contents(other))
    except Exception:  # see ``damaged``
        return False


def runs_in_history(data_root: Path) -> list[str]:
    """The names of the runs that the history holds, the oldest first; none if it has not begun."""
    path = data_root / _HISTORY
    return list(pd.read_parquet(path)["run"].unique()) if path.exists() else []


def history_faults(data_root: Path, earlier: Iterable[str] = ()) -> list[str]:
    """What is wrong with a history: it cannot be read, ``earlier`` runs are lost, or doubled."""
    path = data_root / _HISTORY
    aside = path.parent.glob("history.unreadable-*")
    found = [f"{other.name}: set aside as unreadable" for other in aside]
    try:
        names = runs_in_history(data_root)
        table = pd.read_parquet(path) if names else pd.DataFrame(columns=["run", "technique"])
        twice = table["run"][table.duplicated(["run", "technique"])].unique()
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


# What a file holds, to be compared; it is read in full, and an error tells that it is damaged.


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(one) for key, one in value.items() if not _TIMES.search(key)}
    return value


def _json(path: Path) -> Any:
    return _timeless(json.loads(path.read_text("utf-8")))


def _table(table: pd.DataFrame) -> Any:
    """All values, whatever else the file tells of itself."""

    def plain(value: Any) -> Any:
        return value.tolist() if isinstance(value, np.ndarray) else str(value)

    return _timeless({str(n): json.dumps(c.tolist(), default=plain) for n, c in table.items()})


def _page(path: Path) -> None:
    """A page shows times, durations and pictures of them: a table beside it is compared."""
    text = path.read_text("utf-8").rstrip()
    if not (text.startswith("<!DOCTYPE html>") and text.endswith("</html>")):
        raise ValueError("cut off")


def _markdown(path: Path) -> Any:
    """A table's lines without the column of seconds."""
    text = path.read_text("utf-8")
    if not text.endswith("\n"):
        raise ValueError("cut off")
    split = [line.split(" | ") for line in text.splitlines()]
    heads = next((cells for cells in split if "seconds" in "".join(cells)), [])
    timed = {at for at, head in enumerate(heads) if "seconds" in head}
    return [[cell for at, cell in enumerate(cells) if at not in timed] for cells in split]


def _arrays(path: Path) -> Any:
    loaded = np.load(path, allow_pickle=False)
    arrays = dict(loaded) if path.suffix == ".npz" else {"": loaded}
    return {name: (v.shape, str(v.dtype), v.tobytes()) for name, v in arrays.items()}


def _zip(path: Path) -> Any:
    """The tables of a technique's results, or a network's weights."""
    with zipfile.ZipFile(path) as entries:
        if broken := entries.testzip():
            raise ValueError(f"{broken} is damaged")
        contents = {name: io.BytesIO(entries.read(name)) for name in entries.namelist()}
    if path.suffix == ".keras":
        json.load(contents["config.json"])
        return _weights(contents["model.weights.h5"])
    return {n: _table(pd.read_parquet(c)) for n, c in contents.items() if n.endswith(".parquet")}


def _weights(content: IO[bytes]) -> Any:
    found: dict[str, Any] = {}

    def note(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = (item.shape, str(item.dtype), item[()].tobytes())

    with h5py.File(content) as weights:
        weights.visititems(note)
    return found


def _png(path: Path) -> bytes:
    with Image.open(path) as picture:
        picture.load()
    content = path.read_bytes()
    if not content.endswith(b"IEND\xaeB`\x82"):  # which Pillow does without
        raise ValueError("cut off")
    return content


_CONTENTS: dict[str, Callable[[Path], Any]] = {
    ".csv": lambda path: _table(pd.read_csv(path, dtype=str)),
    ".html": _page,
    ".json": _json,
    ".keras": _zip,
    ".md": _markdown,
    ".npy": _arrays,
    ".npz": _arrays,
    ".parquet": lambda path: _table(pd.read_parquet(path)),
    ".png": _png,
    ".zip": _zip,
}
