"""What files a set has: pictures, others, and how many pictures lie in which folder."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Self

from regbench.images.picture_files import is_picture
from regbench.images.sources.base import is_clean


class Inventory(NamedTuple):
    """The files of a set by kind, in the order of their names.

    Attributes:
        display: The name of the set in messages.
        pictures: Names of pictures, in normal form; one that a zip has twice stands twice.
        unusable: Names of pictures that cannot be read: unsafe ones, links to folders.
        others: Names of other files.
        folders: The number of pictures that lie directly in each folder; the root is empty.
    """

    display: str
    pictures: list[str]
    unusable: list[str]
    others: list[str]
    folders: Counter[str]

    @classmethod
    def of(cls, display: str, names: Iterable[str]) -> Self:
        """Sort the names of a set's files; each is looked at once."""
        pictures: list[str] = []
        unusable: list[str] = []
        others: list[str] = []
        for name in names:
            if not is_picture(name):
                others.append(name)
            elif is_clean(name):
                pictures.append(name)
            else:
                unusable.append(name)
        folders = Counter(name.rpartition("/")[0] for name in pictures)
        return cls(display, pictures, unusable, others, folders)

    def other_types(self, used: Iterable[str] = ()) -> str:
        """Return a line that counts the files of other types by suffix; empty without any.

        Args:
            used: Those that were used as label files or named as pictures.
        """
        beside = set(used)
        counts = Counter(suffix_of(name) or "without suffix" for name in self.others)
        counts.subtract(suffix_of(name) or "without suffix" for name in beside & set(self.others))
        kinds = [
            f"{count} {_printable(suffix)}" for suffix, count in counts.most_common() if count > 0
        ]
        if not kinds:
            return ""
        total = sum(count for count in counts.values() if count > 0)
        shown = ", ".join(kinds[:6]) + (f", {len(kinds) - 6} other types" if kinds[6:] else "")
        files = "1 file of another type was" if total == 1 else f"{total} files of other types were"
        return f"{files} not used: {shown}"


def _printable(suffix: str) -> str:
    return suffix if suffix.isprintable() else ascii(suffix)


class Folder:
    """A folder of the tree of folders that hold pictures.

    Attributes:
        own: The number of pictures directly in it.
        total: The number of pictures in it and below.
        below: Its folders by name.
    """

    __slots__ = ("below", "own", "total")

    def __init__(self) -> None:
        self.own = self.total = 0
        self.below: dict[str, Folder] = {}

    @classmethod
    def tree(cls, counts: Iterable[tuple[str, int]]) -> "Folder":
        """Return the root of the tree of these folders, given with their pictures' number."""
        root = cls()
        for path, count in counts:
            folder = root
            folder.total += count
            for name in path.split("/") if path else ():
                folder = folder.below.setdefault(name, cls())
                folder.total += count
            folder.own += count
        return root

    def paths(self, path: str = "") -> "Iterator[tuple[str, Folder]]":
        """Yield all folders with pictures of their own, and their paths below this one."""
        waiting = [(path, self)]
        while waiting:
            path, folder = waiting.pop()
            if folder.own:
                yield path, folder
            waiting += [(join(path, name), inner) for name, inner in folder.below.items()]


def join(*parts: str) -> str:
    """Return the path of a name in a folder; the root is empty."""
    return "/".join(filter(None, parts))


def suffix_of(name: str) -> str:
    """Return a file name's suffix in lower case with its dot; empty without one."""
    base = name.rpartition("/")[2]
    stem, dot, suffix = base.rpartition(".")
    return f".{suffix.lower()}"[:12] if dot and stem else ""
