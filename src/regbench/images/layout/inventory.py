"""What files a set has: pictures, others, and how many pictures lie in which folder."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter, methodcaller
from typing import Self

from regbench.images.sources.base import ImageSource, is_clean


@dataclass(frozen=True)
class Inventory:
    """The files of a set by kind, in the order of their names; there may be millions.

    What several questions need of all names is made once, when it is first asked for.

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
    def of(cls, source: ImageSource) -> Self:
        """Return the files of a set."""
        pictures, unusable, others = source.listing
        return cls(source.display, pictures, unusable, others, Counter(folders_of(pictures)))

    @cached_property
    def last_names(self) -> list[str]:
        """The last component of each picture's name, as ``folded`` returns it."""
        return folded_all([*map(itemgetter(2), map(_parted, self.pictures))])

    @cached_property
    def suffixes(self) -> frozenset[str]:
        """The suffixes of the pictures' names, folded, without their dot."""
        return frozenset(name.rpartition(".")[2] for name in self.last_names)

    @cached_property
    def by_name(self) -> dict[str, str]:
        """The names in normal form, of pictures and other files, by themselves."""
        names = [*self.pictures, *filter(is_clean, self.others)]
        return dict(zip(names, names, strict=True))

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


_parted = methodcaller("rpartition", "/")


def folders_of(names: Iterable[str]) -> Iterator[str]:
    """Return the folder of each name; the root is empty."""
    return map(itemgetter(0), map(_parted, names))


def folded(name: str) -> str:
    """Return a name for comparison without case, white space at its ends and Unicode form."""
    return (
        unicodedata.normalize("NFC", name).casefold().strip()
        if not name.isascii()
        else name.lower().strip()
    )


def folded_all(names: Sequence[str]) -> list[str]:
    """Return what ``folded`` returns of names without slashes; plain ones are folded at once."""
    text = "/".join(names)
    plain = text.isascii() and text.isprintable() and " " not in text
    return text.lower().split("/") if plain and names else [folded(name) for name in names]


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
