"""Files in an object store such as ``s3://bucket/...``, by way of a local cache (write-through).

Files are read, memory-mapped and written in the cache folder. Before reading, the copy is checked
against the store's version and downloaded if it differs; after writing, it is uploaded. Both
copies are replaced atomically, so an interruption leaves no partial file.
"""

import contextlib
import errno
import json
import logging
import os
import random
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from regbench.errors import StudyError, UnreachableError
from regbench.storage.addresses import address_problem
from regbench.storage.atomic import atomic_write
from regbench.storage.cache import CACHE_VARIABLE, cache_folder, cache_lock
from regbench.storage.connection import file_system

logger = logging.getLogger(__name__)

T = TypeVar("T")
RETRY_SECONDS_VARIABLE = "REGBENCH_RETRY_SECONDS"
_RETRY_SECONDS = 60.0
_SECONDS_TO_SEND, _SLOWEST_BYTES_PER_SECOND = 120.0, 50_000
_FIRST_DELAY, _MAX_DELAY = 0.5, 15.0  # seconds between attempts, doubled each time

# Uploads to these are atomic; elsewhere a temporary file is uploaded and renamed.
_ATOMIC_PUT_PROTOCOLS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})

# Keys of fsspec's file info that change with the content; the first present is the version.
_VERSION_KEYS = ("ETag", "etag", "generation", "md5Hash", "Content-MD5")
_TIME_KEYS = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "created")

# Errors for which a retry is useless.
_PERMANENT = (
    *(PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError),
    *(ImportError, ValueError, TypeError, KeyError, AttributeError),
)
_PERMANENT_NAMES = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"})

# Of the local disk, not of the store.
_LOCAL_DISK_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG})


@dataclass(frozen=True)
class FileInfo:
    """A store's metadata of a file.

    Attributes:
        version: An identifier of the content, such as the ETag; empty if the store has none.
        size: In bytes.
        modified: The time of modification by the store's clock; None if the store has none.
    """

    version: str
    size: int
    modified: datetime | None

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "FileInfo":
        """Return the metadata in the dictionary of ``fsspec.AbstractFileSystem.info``."""
        times = [info[key] for key in _TIME_KEYS if info.get(key)]
        tags = [info[key] for key in _VERSION_KEYS if info.get(key)] or times
        return cls(str(tags[0]) if tags else "", int(info.get("size") or 0), _parse_time(times))


@dataclass(frozen=True)
class RemoteFile:
    """A file in a store and its local copy in the cache.

    Attributes:
        address: A URL in the normal form of ``clean_address``.
        options: Arguments of the fsspec file system, such as credentials; never shown.
    """

    address: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        problem = address_problem(self.address)
        if problem:
            raise StudyError(f"{self.address}: {problem}")

    def __str__(self) -> str:
        return self.address

    @property
    def protocol(self) -> str:
        """The URL's scheme, such as ``s3``."""
        return self.address.partition("://")[0]

    @property
    def path(self) -> Path:
        """The path of the local copy, which exists once the file has been read or written."""
        return self._in_cache("files")

    def with_name(self, name: str) -> "RemoteFile":
        """Return the file of another name in the same folder."""
        return RemoteFile(f"{self.address.rpartition('/')[0]}/{name}", self.options)

    def joinpath(self, name: str) -> "RemoteFile":
        """Return a file below this folder; ``name`` may be a path."""
        return RemoteFile(f"{self.address}/{name}", self.options)

    def local_copy(self) -> Path:
        """Return the path of the local copy, downloaded first unless it is up to date.

        Raises:
            FileNotFoundError: There is no such file in the store.
            StudyError: The store cannot be reached, or refuses.
        """
        if not self._is_current(self.info()):
            with cache_lock(self.address):  # one download for all processes
                if not self._is_current(self.info()):
                    with atomic_write(self.path) as partial:
                        info = self.with_retries(lambda store: self._get(store, partial))
                    self._record(info)
        return self.path

    @contextmanager
    def atomic_write(self) -> Iterator[Path]:
        """Yield a temporary local path, uploaded when the block succeeds.

        Raises:
            OSError: The local copy cannot be written.
            StudyError: The store cannot be reached, or refuses; its file is unchanged.
        """
        with atomic_write(self.path) as partial:
            yield partial
            self.with_retries(lambda store: self._put(store, partial))
            info = self.info()
        self._record(info)

    def copy_from(self, other: "RemoteFile") -> None:
        """Copy another file of the same store to this address, within the store.

        Raises:
            FileNotFoundError: There is no such file.
            StudyError: The store cannot be reached, or refuses.
        """
        self.with_retries(lambda store: store.cp_file(other.address, self.address), other.address)

    def exists(self) -> bool:
        """Return whether the store has the file.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """
        try:
            self.info()
        except FileNotFoundError:
            return False
        return True

    def remove(self, retry_seconds: float | None = None) -> None:
        """Delete the file and its local copy; a missing file is no error.

        Args:
            retry_seconds: As in ``with_retries``.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """
        with contextlib.suppress(FileNotFoundError):
            self.with_retries(lambda store: store.rm_file(self.address), "", retry_seconds)
        self._version_file.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def is_folder(self) -> bool:
        """Return whether the address is a folder: a prefix of other files' addresses.

        Raises:
            FileNotFoundError: It is neither a file nor a folder.
            StudyError: The store cannot be reached, or refuses.
        """
        return bool(self._fsspec_info()["type"] == "directory")

    def info(self) -> FileInfo:
        """Return the store's metadata of the file.

        Raises:
            FileNotFoundError: There is no such file.
            StudyError: The store cannot be reached, or refuses.
        """
        info = self._fsspec_info()
        if info["type"] == "directory":
            raise _not_found(self.address)
        return FileInfo.of(info)

    def listing(self) -> dict[str, FileInfo]:
        """Return all files below this folder, by relative path; empty if it is no folder.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """

        def find(store: Any) -> dict[str, dict[str, Any]]:
            store.invalidate_cache()
            root = store._strip_protocol(self.address).rstrip("/") + "/"
            infos: dict[str, dict[str, Any]] = store.find(root, detail=True)
            return {name.removeprefix(root): info for name, info in infos.items()}

        try:
            infos = self.with_retries(find)
        except FileNotFoundError:
            return {}
        return {name: FileInfo.of(info) for name, info in infos.items()}

    def with_retries(
        self, do: Callable[[Any], T], address: str = "", retry_seconds: float | None = None
    ) -> T:
        """Return the result of a store operation, retried with exponential backoff and jitter.

        Args:
            do: The operation; it is called with the fsspec file system.
            address: The address in messages; default: this file's.
            retry_seconds: Time limit for retries; default: ``REGBENCH_RETRY_SECONDS``, or 60.

        Raises:
            FileNotFoundError: There is no such file.
            StudyError: The store cannot be reached, or refuses.
        """
        address = address or self.address
        retry_seconds = _retry_seconds() if retry_seconds is None else retry_seconds
        start, delay = time.monotonic(), _FIRST_DELAY
        while True:
            try:
                return do(file_system(self.protocol, self.address, self._options_as_json))
            except FileNotFoundError:
                raise _not_found(address) from None
            except StudyError:
                raise
            except Exception as error:
                cause = _one_line(error)
                if isinstance(error, OSError) and error.errno in _LOCAL_DISK_ERRNOS:
                    raise StudyError(f"{cause} ({CACHE_VARIABLE} names another folder)") from error
                if isinstance(error, _PERMANENT) or type(error).__name__ in _PERMANENT_NAMES:
                    raise UnreachableError(f"{address}: {cause}") from None
                if time.monotonic() - start + delay > retry_seconds:
                    raise UnreachableError(
                        f"{address}: no success for {retry_seconds:g} s: {cause}; what is stored "
                        "is whole, and the same command with --only-missing-outputs goes on from it"
                    ) from None
                if delay == _FIRST_DELAY:
                    logger.warning("%s: %s; trying again", address, cause)
            time.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            delay = min(2 * delay, _MAX_DELAY)

    def _fsspec_info(self) -> dict[str, Any]:
        return self.with_retries(self._query)

    def _query(self, store: Any) -> dict[str, Any]:
        store.invalidate_cache()
        info: dict[str, Any] = store.info(self.address)
        return info

    def _get(self, store: Any, local: Path) -> FileInfo:
        info = FileInfo.of(self._query(store))
        store.get_file(self.address, str(local))
        if local.stat().st_size != info.size or FileInfo.of(self._query(store)) != info:
            raise OSError("it did not arrive whole, or changed on the way")  # retried
        return info

    def _put(self, store: Any, local: Path) -> None:
        try:
            if self.protocol in _ATOMIC_PUT_PROTOCOLS:
                store.put_file(str(local), self.address, **_time_to_send(store, local))
                return
            parent = self.address.rpartition("/")[0]
            temporary = f"{parent}/.{secrets.token_hex(4)}.partial"
            store.makedirs(parent, exist_ok=True)
            try:
                store.put_file(str(local), temporary)
                store.mv(temporary, self.address)
            except BaseException:
                with contextlib.suppress(Exception):
                    store.rm_file(temporary)
                raise
        except FileNotFoundError as error:  # the bucket is missing
            raise UnreachableError(f"{self.address}: {_one_line(error)}") from None

    def _is_current(self, info: FileInfo) -> bool:
        """Return whether the local copy is the store's version and unmodified since."""
        try:
            recorded = json.loads(self._version_file.read_text(encoding="utf-8"))
            same = recorded == [info.version, info.size, *_size_and_mtime(self.path)]
            return same and bool(info.version)
        except (OSError, ValueError):
            return False

    def _record(self, info: FileInfo) -> None:
        with atomic_write(self._version_file) as partial:
            content = json.dumps([info.version, info.size, *_size_and_mtime(self.path)])
            partial.write_text(content, encoding="utf-8")

    @property
    def _version_file(self) -> Path:
        return self._in_cache("versions")

    def _in_cache(self, folder: str) -> Path:
        return cache_folder() / folder / self.protocol / self.address.partition("://")[2]

    @property
    def _options_as_json(self) -> str:
        return json.dumps(self.options, sort_keys=True, default=str)


def _time_to_send(store: Any, local: Path) -> dict[str, float]:
    """Return the argument of fsspec that limits how long a file may take to be sent.

    S3 is asked whether it will take a file before that is sent, and this wait has no limit.
    """
    if not getattr(store, "async_impl", False):
        return {}
    return {"timeout": _SECONDS_TO_SEND + local.stat().st_size / _SLOWEST_BYTES_PER_SECOND}


def _retry_seconds() -> float:
    """Return the time limit for retries in seconds, from the environment or the default."""
    try:
        return max(0.0, float(os.environ.get(RETRY_SECONDS_VARIABLE, _RETRY_SECONDS)))
    except ValueError:
        raise StudyError(f"{RETRY_SECONDS_VARIABLE} must be a number of seconds") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _not_found(address: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), address)


def _size_and_mtime(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _parse_time(times: list[Any]) -> datetime | None:
    """Return the first of a store's times (Unix seconds, ISO 8601 or datetime) with a time zone."""
    if not times:
        return None
    if isinstance(times[0], datetime):
        return times[0] if times[0].tzinfo else times[0].replace(tzinfo=UTC)
    if isinstance(times[0], int | float):
        return datetime.fromtimestamp(times[0], UTC)
    with contextlib.suppress(ValueError):
        parsed = datetime.fromisoformat(str(times[0]))
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    return None
