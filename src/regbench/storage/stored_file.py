"""A file by its address: on this machine, or in a store."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.storage.atomic import atomic_write

if TYPE_CHECKING:
    pass
from regbench.storage.addresses import clean_address, is_remote, local_path
from regbench.storage.remote import RemoteFile


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine; its address is its path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def beside(self, name: str) -> "LocalFile":
        """Take the file of another name in the same folder."""
        return LocalFile(self.path.with_name(name))

    def below(self, name: str) -> "LocalFile":
        """Take a file in this folder."""
        return LocalFile(self.path / name)

    def readable(self) -> Path:
        """Return the path."""
        return self.path

    def written(self) -> AbstractContextManager[Path]:
        """Give a temporary path that becomes the file when the block ends well.

        Raises:
            OSError: It cannot be written; the file is as it was.
        """
        return atomic_write(self.path)

    def exists(self) -> bool:
        """Say whether the file is there."""
        return self.path.exists()

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)


StoredFile = LocalFile | RemoteFile


def stored_file(address: str, options: Mapping[str, Any] | None = None) -> StoredFile:
    """Take a file by its address.

    Args:
        address: A path, or ``protocol://...``.
        options: What the store's file system takes, such as credentials.

    Raises:
        StudyError: The address cannot be used.
    """
    if not is_remote(address):
        return LocalFile(local_path(address))
    return RemoteFile(clean_address(address), options or {})


def digest(file: StoredFile) -> str:
    """Identify a file by its bytes; empty if there is none."""
    try:
        with file.readable().open("rb") as content:
            made = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=8))
            return made.hexdigest()
    except FileNotFoundError:
        return ""
