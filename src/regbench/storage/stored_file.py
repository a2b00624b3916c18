"""A file on this machine or in an object store, chosen by its address."""

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regbench.storage.addresses import clean_address, is_remote, local_path
from regbench.storage.atomic import atomic_write
from regbench.storage.remote import RemoteFile


@dataclass(frozen=True)
class LocalFile:
    """A file on this machine; its address is its path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def with_name(self, name: str) -> "LocalFile":
        """Return the file of another name in the same folder."""
        return LocalFile(self.path.with_name(name))

    def joinpath(self, name: str) -> "LocalFile":
        """Return a file below this folder; ``name`` may be a path."""
        return LocalFile(self.path / name)

    def local_copy(self) -> Path:
        """Return the path; the interface is that of ``RemoteFile.local_copy``."""
        return self.path

    def atomic_write(self) -> AbstractContextManager[Path]:
        """Yield a temporary path that is renamed to the file when the block succeeds.

        Raises:
            OSError: The file cannot be written; it keeps its previous content.
        """
        return atomic_write(self.path)

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self.path.exists()

    def remove(self) -> None:
        """Delete the file, if there is one."""
        self.path.unlink(missing_ok=True)


StoredFile = LocalFile | RemoteFile


def stored_file(address: str, options: Mapping[str, Any] | None = None) -> StoredFile:
    """Return the file of an address, which need not exist.

    Args:
        address: A local path, or a URL such as ``s3://bucket/key``.
        options: Arguments of the store's fsspec file system, such as credentials.

    Raises:
        StudyError: The address is malformed or contains credentials.
    """
    if not is_remote(address):
        return LocalFile(local_path(address))
    return RemoteFile(clean_address(address), options or {})


def digest(file: StoredFile) -> str:
    """Return the BLAKE2b digest of a file's bytes, 16 hexadecimal digits; empty if missing."""
    try:
        with file.local_copy().open("rb") as content:
            hasher = hashlib.file_digest(content, lambda: hashlib.blake2b(digest_size=8))
            return hasher.hexdigest()
    except FileNotFoundError:
        return ""
