"""Find the pictures that a label file names: by path, by name alone, without suffix, by case."""

import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from regbench.images.layout.inventory import Inventory, folded, folders_of, join
from regbench.images.layout.table import TwoReadingsError, common_folder
from regbench.images.layout.words import is_submission, split_part_in
from regbench.images.sources.base import Unreadable, clean_name

_SAMPLE = 60  # names of a column that are looked for everywhere in the set


class Hit(NamedTuple):
    """A stored file that a listed name may mean: the same last component.

    Attributes:
        value: The listed name.
        stored: The file's name in the set.
        bare: Whether the listed name has no suffix.
    """

    value: str
    stored: str
    bare: bool


class Found(NamedTuple):
    """The pictures that a column names.

    Attributes:
        names: By row: the file's name in the set, or None if it is not there.
        folder: That all of them are in; what the column leaves out.
        folders: Those that they lie in.
        how: What had to be done to find them, in words; may be empty.
    """

    names: list[str | None]
    folder: str
    folders: frozenset[str]
    how: str


def sample_of(cells: Sequence[str]) -> list[str]:
    """Return evenly spaced cells of a column that are not empty, without repetition."""
    step = max(1, len(cells) // _SAMPLE)
    return list(dict.fromkeys(cell for cell in cells[::step][: 2 * _SAMPLE] if cell.strip()))


def hits_of(inventory: Inventory, samples: Sequence[Sequence[str]]) -> list[list[Hit]]:
    """Return the files that the cells of some columns may mean.

    Args:
        inventory: The files of the set.
        samples: Cells, by column.
    """
    wanted: dict[str, list[tuple[int, str]]] = {}
    for column, values in enumerate(samples):
        for value in values:
            wanted.setdefault(folded(last_component(value)), []).append((column, value))
    hits: list[list[Hit]] = [[] for _ in samples]
    looked_for = {f"{stem}.{suffix}" for stem in wanted for suffix in inventory.suffixes}
    looked_for.update(wanted)
    found = [at for at, last in enumerate(inventory.last_names) if last in looked_for]
    for name, last in ((inventory.pictures[at], inventory.last_names[at]) for at in found):
        for column, value in wanted.get(last, ()):
            hits[column].append(Hit(value, name, bare=False))
        for column, value in wanted.get(last.rpartition(".")[0], ()):
            hits[column].append(Hit(value, name, bare=True))
    for name in inventory.others:  # a picture may have no suffix
        for column, value in wanted.get(folded(name.rpartition("/")[2]), ()):
            hits[column].append(Hit(value, name, bare=False))
    return hits


def find_names(
    inventory: Inventory,
    listed: Sequence[str],
    hits: Sequence[Hit],
    file: str,
    image_folder: str | None,
) -> Found:
    """Return the files that all cells of a column mean.

    Args:
        inventory: The files of the set.
        listed: The cells of the column.
        hits: Of a sample of them, from ``hits_of``.
        file: The label file. Of several folders with files of these names, its own is meant, or
            the one that is named for the same split part.
        image_folder: The only folder that may be meant, from the settings; None: any.

    Raises:
        TwoReadingsError: The names are found in several folders.
    """
    drop, folders = _folders(inventory, hits, file, image_folder)
    if not folders:
        return Found([None] * len(listed), image_folder or "", frozenset(), "")
    places = _Places(inventory, folders)
    own = file.rpartition("/")[0]
    names: list[str | None] = [None] * len(listed)
    if not drop:  # most name a file of the first folder as it is: a name in normal form
        start = f"{folders[0]}/" if folders[0] else ""
        known = inventory.by_name.get
        names = [None if ":" in value else known(start + value) for value in listed]  # C:1.png
    for at, value in enumerate(listed) if None in names else ():
        if names[at] is None and (path := _path(value, drop, own)):
            absolute = not drop and _slashes(value).startswith("../")
            names[at] = places.find(path, absolute=absolute)
    stored = frozenset(folders_of(filter(None, names)))
    return Found(names, _base(folders, stored), stored, ", ".join(places.how()))


def _base(folders: Sequence[str], stored: frozenset[str]) -> str:
    return folders[0] if len(folders) == 1 else common_folder(sorted(stored) or list(folders))


def _folders(
    inventory: Inventory, hits: Sequence[Hit], file: str, image_folder: str | None
) -> tuple[int, list[str]]:
    """Return how many components the listed names have too many, and what they are relative to.

    The folders are in the order of the number of names found there.
    """
    by_drop: dict[int, dict[str, set[str]]] = {}
    own = file.rpartition("/")[0]
    for hit in hits:
        path = _slashes(hit.value)
        if path.startswith("../") and _path(hit.value, 0, own) == hit.stored:
            by_drop.setdefault(0, {}).setdefault("", set()).add(hit.value)
            continue
        wanted = _components(folded(path))
        parts = folded(hit.stored).split("/")
        same = 1  # the last component, perhaps without suffix
        while same < min(len(wanted), len(parts)) and wanted[-1 - same] == parts[-1 - same]:
            same += 1
        folder = "/".join(hit.stored.split("/")[: len(parts) - same])
        if image_folder is not None and not _is_meant(folder, image_folder, inventory):
            continue
        by_drop.setdefault(len(wanted) - same, {}).setdefault(folder, set()).add(hit.value)
    if not by_drop:
        return 0, []
    counts = {drop: len(set().union(*found.values())) for drop, found in by_drop.items()}
    drop = min(counts, key=lambda each: (-counts[each], each))
    found = by_drop[drop]
    folders = sorted(found, key=lambda folder: (-len(found[folder]), folder))
    if len(folders) > 1 and sum(map(len, found.values())) > counts[drop]:  # some are in several
        if own in folders and len(found[own]) == counts[drop]:
            return drop, [own]
        part = "test" if is_submission(file) else split_part_in(file)
        alike = [folder for folder in folders if part and split_part_in(folder) == part]
        sizes = [len(found[folder]) for folder in alike]
        if not alike or sum(sizes) > len(set().union(*(found[folder] for folder in alike))):
            first = next(iter(sorted(found[folders[0]] & found[folders[1]])), None)
            example = f" such as {first!r}" if first else ""
            raise TwoReadingsError(
                f"file names{example} of {file!r} are found in several folders, "
                f"{folders[0]!r} and {folders[1]!r}: ingest.image_folder=... says which is meant"
            )
        folders = alike
    return drop, folders


def _is_meant(folder: str, image_folder: str, inventory: Inventory) -> bool:
    """Return whether a folder is the configured one, in the set or in its only top folder."""
    if folder == image_folder:
        return True
    tops = {path.partition("/")[0] for path in inventory.folders}
    return len(tops) == 1 and folder == join(*tops, image_folder)


class _Places:
    """Finds files in some folders: by their path, and where that fails by case and suffix."""

    def __init__(self, inventory: Inventory, folders: Sequence[str]) -> None:
        self._inventory = inventory
        self._folders = folders
        self._loose: dict[str, str | None] | None = None
        self._counts: Counter[str] = Counter()

    def find(self, path: str, *, absolute: bool = False) -> str | None:
        """Return the only file of this path, relative to one of the folders, or None."""
        folders = ("",) if absolute else self._folders
        for folder in folders:
            name = f"{folder}/{path}" if folder else path
            if stored := self._inventory.by_name.get(name):
                return stored
        if self._loose is None:
            self._loose = self._by_loose_name()
        for folder in folders:
            key = folded(f"{folder}/{path}" if folder else path)
            for kind in ("case", "suffix"):
                if stored := self._loose.get(f"{kind}:{key}"):
                    self._counts[kind] += 1
                    return stored
        return None

    def how(self) -> "Iterable[str]":
        """Yield what had to be done to find the files, in words."""
        if self._counts["suffix"]:
            yield "names without suffix"
        if self._counts["case"]:
            yield f"{self._counts['case']} names in other case or spelling"

    def _by_loose_name(self) -> dict[str, str | None]:
        """Return the names of pictures by case-folded path, with and without suffix; None: two."""
        inside = tuple(f"{folder}/" for folder in self._folders if folder)
        every = "" in self._folders
        loose: dict[str, str | None] = {}
        for name in dict.fromkeys(self._inventory.pictures):
            if every or name.startswith(inside):
                own = folded(name)
                for key in (f"case:{own}", f"suffix:{own.rpartition('.')[0]}"):
                    loose[key] = None if key in loose else name
        return loose


def _path(value: str, drop: int, own: str) -> str:
    """Return a listed name as a path in normal form, without its first ``drop`` components.

    ``../`` at its beginning leads out of the label file's folder, unless it is one of the first
    components, as in ``../input/set/1.png`` of a machine elsewhere. Empty: no path in the set.
    """
    path = _slashes(value)
    if path.startswith("../") and not drop:
        path = posixpath.normpath(join(own, path))
    elif drop or path.startswith("/"):
        path = "/".join(_components(path)[drop:])
    for candidate in (path, path.strip()):
        try:
            return clean_name(candidate)
        except Unreadable:
            continue
    return ""


def _components(path: str) -> list[str]:
    return [component for component in path.split("/") if component not in ("", ".")]


def last_component(value: str) -> str:
    """Return the last component of a listed path, with slashes or backslashes."""
    return _slashes(value).rstrip().rpartition("/")[2]


def _slashes(value: str) -> str:
    return value.replace("\\", "/") if "\\" in value else value
