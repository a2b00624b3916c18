"""What sources with a list of entries have in common: zip, tar, arrays."""

from abc import abstractmethod
from typing import ClassVar, Generic, Self, TypeVar

from regbench.images.sources.base import (
    ImageSource,
    Unreadable,
    clean_name,
    is_clean,
    without_hidden,
)

Entry = TypeVar("Entry")


class ArchiveSource(ImageSource, Generic[Entry]):
    """A set whose files are found by a list of entries, read once when it is opened."""

    last_counts: ClassVar[bool] = False  # of several entries with the same name; else the first

    def __init__(self, display: str, entries: list[tuple[str, Entry]]) -> None:
        """Set the name in messages, and the entries by clean name."""
        super().__init__(display)
        self._entries = entries
        ordered = entries if self.last_counts else reversed(entries)
        self._by_name = {name: entry for name, entry in ordered if is_clean(name)}
        self._names: list[str] | None = None

    @abstractmethod
    def _with_entries(self, entries: list[tuple[str, Entry]]) -> Self:
        """Return a set of the same archive with these entries."""

    def names(self) -> list[str]:
        """See :class:`ImageSource`; a name with two entries is listed twice."""
        if self._names is None:
            self._names = sorted(without_hidden(name for name, _ in self._entries))
        return self._names

    def exists(self, name: str) -> bool:
        """See :class:`ImageSource`."""
        try:
            clean = clean_name(name)
        except Unreadable:
            return False
        return clean in self._by_name or self._unicode_variant(clean) is not None

    def top_folder(self) -> str | None:
        """See :class:`ImageSource`."""
        safe = (name.split("/") for name in self.names() if is_clean(name))
        tops = {(components[0], len(components) > 1) for components in safe}
        folder, is_folder = tops.pop() if len(tops) == 1 else ("", False)
        return folder if is_folder else None

    def within(self, folder: str) -> Self:
        """See :class:`ImageSource`; unsafe names are kept, so that they are reported."""
        prefix = f"{folder}/"
        entries = [
            (name.removeprefix(prefix), entry)
            for name, entry in self._entries
            if name.startswith(prefix) or not is_clean(name)
        ]
        return self._with_entries(entries)

    def _entry(self, name: str) -> Entry:
        """Return the entry of a name, which need not be clean.

        Raises:
            Unreadable: There is none, or the name is unsafe or invalid.
        """
        entry = self._by_name.get(name)
        if entry is None:
            clean = clean_name(name)
            entry = self._by_name.get(clean)
            if entry is None:
                entry = self._by_name.get(self._unicode_variant(clean) or "")
        if entry is None:
            raise Unreadable("missing")
        return entry


def clean_if_possible(name: str) -> str:
    """Return a name in the form of ``clean_name``, or as it is where it has none."""
    try:
        return clean_name(name)
    except Unreadable:
        return name
