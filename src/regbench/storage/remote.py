"""Files by their address: on this machine, or in a store such as ``s3://bucket/...``.

A file of a store has a copy in a cache folder here, which is what is read, memory-mapped and
written. Reading first sees to it that the copy is what the store has now; what is written counts
when the store has it. Every file is whole or absent in both places, whatever is cut off when.
"""

import contextlib
import errno
import json
import logging
import os
import random
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from regbench.errors import StudyError, UnreachableError
from regbench.redaction import keep_secret
from regbench.storage.addresses import address_problem
from regbench.storage.atomic import atomic_write
from regbench.storage.cache import CACHE_VARIABLE, cache_folder, locked

if TYPE_CHECKING:
    import fsspec

logger = logging.getLogger(__name__)

T = TypeVar("T")
PATIENCE_VARIABLE = "REGBENCH_RETRY_SECONDS"
_PATIENCE = 60.0  # seconds
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0  # seconds between attempts, doubled each time

# A put to these appears whole or not at all; elsewhere a file is put beside its place and moved.
_WHOLE_PUTS = frozenset({"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss"})

# Of what a store says of a file, what changes with its content; the first that there is counts.
_TAGS = ("ETag", "etag", "generation", "md5Hash", "Content-MD5")
_TIMES = ("LastModified", "last_modified", "Last-Modified", "updated", "mtime", "created")

# Faults that no second attempt mends.
_FINAL = (
    *(PermissionError, FileExistsError, IsADirectoryError, NotADirectoryError),
    *(ImportError, ValueError, TypeError, KeyError, AttributeError),
)

_FINAL_NAMES = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"})
_OF_THE_CACHE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ENAMETOOLONG})
_SECRET_OPTION = re.compile(r"key|secret|token|password", re.IGNORECASE)


@dataclass(frozen=True)
class Entry:
    """What a store says of a file.

    Attributes:
        version: Changes with the content; empty where the store does not tell.
        size: Bytes.
        modified: By the store's clock; None where it does not tell.
    """

    version: str
    size: int
    modified: datetime | None

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> "Entry":
        """Read what fsspec returns."""
        times = [info[key] for key in _TIMES if info.get(key)]
        tags = [info[key] for key in _TAGS if info.get(key)] or times
        return cls(str(tags[0]) if tags else "", int(info.get("size") or 0), _as_time(times))


@dataclass(frozen=True)
class RemoteFile:
    """A file in a store, with its copy in the cache.

    Attributes:
        address: ``protocol://...``, clean.
        options: What the store's file system takes, such as credentials; never shown.
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
        """What stands before ``://``."""
        return self.address.partition("://")[0]

    @property
    def path(self) -> Path:
        """Where the copy is once the file has been read or written."""
        return self._in_cache("files")

    def beside(self, name: str) -> "RemoteFile":
        """Take the file of another name in the same folder."""
        return RemoteFile(f"{self.address.rpartition('/')[0]}/{name}", self.options)

    def below(self, name: str) -> "RemoteFile":
        """Take a file in this folder."""
        return RemoteFile(f"{self.address}/{name}", self.options)

    def readable(self) -> Path:
        """Return the path of the copy, brought here unless it is what the store has.

        Raises:
            FileNotFoundError: There is no such file in the store.
            StudyError: The store cannot be reached, or refuses.
        """
        if not self._is_current(self.entry()):
            with locked(self.address):  # several processes may want it
                if not self._is_current(self.entry()):
                    with atomic_write(self.path) as partial:
                        entry = self.persistently(lambda store: self._get(store, partial))
                    self._record(entry)
        return self.path

    @contextmanager
    def written(self) -> Iterator[Path]:
        """Give a temporary path; what is written there is stored when the block ends well.

        Raises:
            OSError: It cannot be written here.
            StudyError: The store cannot be reached, or refuses; it has what it had.
        """
        with atomic_write(self.path) as partial:
            yield partial
            self.persistently(lambda store: self._put(store, partial))
            entry = self.entry()
        self._record(entry)

    def become(self, other: "RemoteFile") -> None:
        """Store another file of the same store under this address, too; it does not come here.

        Raises:
            FileNotFoundError: There is no such file.
            StudyError: The store cannot be reached, or refuses.
        """
        self.persistently(lambda store: store.cp_file(other.address, self.address), other.address)

    def exists(self) -> bool:
        """Say whether the store has the file.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """
        try:
            self.entry()
        except FileNotFoundError:
            return False
        return True

    def remove(self, patience: float | None = None) -> None:
        """Delete the file and its copy, if there is one.

        Args:
            patience: Seconds for which to try again, if not as long as for everything else.

        Raises:
            StudyError: The store cannot be reached, or refuses.
        """
        with contextlib.suppress(FileNotFoundError):
            self.persistently(lambda store: store.rm_file(self.address), patience=patience)
        self._version_file.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def is_folder(self) -> bool:
        """Say whether it is no file but the beginning of other files' addresses.

        Raises:
            FileNotFoundError: It is neither.
        """
        return bool(self._info()["type"] == "directory")

    def entry(self) -> Entry:
        """Ask the store for the file.

        Raises:
            FileNotFoundError: There is none.
            StudyError: The store cannot be reached, or refuses.
        """
        info = self._info()
        if info["type"] == "directory":
            raise _missing(self.address)
        return Entry.of(info)

    def listing(self) -> dict[str, Entry]:
        """List the files below, by their address less this one's; none if it is no folder."""

        def find(store: Any) -> dict[str, dict[str, Any]]:
            store.invalidate_cache()
            root = store._strip_protocol(self.address).rstrip("/") + "/"
            found: dict[str, dict[str, Any]] = store.find(root, detail=True)
            return {name.removeprefix(root): info for name, info in found.items()}

        try:
            found = self.persistently(find)
        except FileNotFoundError:
            return {}
        return {name: Entry.of(info) for name, info in found.items()}

    def persistently(
        self, do: Callable[[Any], T], address: str = "", patience: float | None = None
    ) -> T:
        """Do something with the store, again and again while it cannot be reached.

        Args:
            do: Takes the fsspec file system.
            address: What it is about, if not this file.
            patience: Seconds for which to try again; default: ``REGBENCH_RETRY_SECONDS``, or 60.

        Raises:
            FileNotFoundError: There is no such file.
            StudyError: The store cannot be reached, or refuses.
        """
        address = address or self.address
        patience = _patience() if patience is None else patience
        began, pause = time.monotonic(), _FIRST_PAUSE
        while True:
            try:
                return do(_file_system(self.protocol, self.address, self._options_as_json))
            except FileNotFoundError:
                raise _missing(address) from None
            except StudyError:
                raise
            except Exception as error:
                cause = _cause(error)
                if isinstance(error, OSError) and error.errno in _OF_THE_CACHE:
                    raise StudyError(f"{cause} ({CACHE_VARIABLE} names another folder)") from error
                if isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES:
                    raise UnreachableError(f"{address}: {cause}") from None
                if time.monotonic() - began + pause > patience:
                    raise UnreachableError(
                        f"{address}: no success for {patience:g} s: {cause}; what is stored is "
                        "whole, and the same command with --only-missing-outputs goes on from it"
                    ) from None
                if pause == _FIRST_PAUSE:
                    logger.warning("%s: %s; trying again", address, cause)
            time.sleep(pause * random.uniform(0.8, 1.2))  # noqa: S311 - no secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _info(self) -> dict[str, Any]:
        return self.persistently(self._ask)

    def _ask(self, store: Any) -> dict[str, Any]:
        store.invalidate_cache()
        info: dict[str, Any] = store.info(self.address)
        return info

    def _get(self, store: Any, local: Path) -> Entry:
        entry = Entry.of(self._ask(store))
        store.get_file(self.address, str(local))
        if local.stat().st_size != entry.size or Entry.of(self._ask(store)) != entry:
            raise OSError("it did not arrive whole, or changed on the way")
        return entry

    def _put(self, store: Any, local: Path) -> None:
        try:
            if self.protocol in _WHOLE_PUTS:
                store.put_file(str(local), self.address)
                return
            parent = self.address.rpartition("/")[0]
            beside = f"{parent}/.{secrets.token_hex(4)}.partial"
            store.makedirs(parent, exist_ok=True)
            try:
                store.put_file(str(local), beside)
                store.mv(beside, self.address)
            except BaseException:
                with contextlib.suppress(Exception):
                    store.rm_file(beside)
                raise
        except FileNotFoundError as error:  # of the bucket; a missing file is no fault of a put
            raise UnreachableError(f"{self.address}: {_cause(error)}") from None

    def _is_current(self, entry: Entry) -> bool:
        """Whether the copy is what the store has, and as it was when it was made."""
        try:
            recorded = json.loads(self._version_file.read_text(encoding="utf-8"))
            same = recorded == [entry.version, entry.size, *_status(self.path)]
            return same and bool(entry.version)
        except (OSError, ValueError):
            return False

    def _record(self, entry: Entry) -> None:
        with atomic_write(self._version_file) as partial:
            content = json.dumps([entry.version, entry.size, *_status(self.path)])
            partial.write_text(content, encoding="utf-8")

    @property
    def _version_file(self) -> Path:
        return self._in_cache("versions")

    def _in_cache(self, what: str) -> Path:
        return cache_folder() / what / self.protocol / self.address.partition("://")[2]

    @property
    def _options_as_json(self) -> str:
        return json.dumps(self.options, sort_keys=True, default=str)


def _patience() -> float:
    """Seconds for which a store that cannot be reached is tried again."""
    try:
        return max(0.0, float(os.environ.get(PATIENCE_VARIABLE, _PATIENCE)))
    except ValueError:
        raise StudyError(f"{PATIENCE_VARIABLE} must be a number of seconds") from None


def _file_system(protocol: str, address: str, options: str) -> "fsspec.AbstractFileSystem":
    """The store's file system, one for each process; connecting anew for each call is slow."""
    import fsspec  # noqa: PLC0415 - only who uses a store pays

    try:
        of_address = fsspec.get_filesystem_class(protocol)._get_kwargs_from_urls(address)
    except ImportError as error:
        extra = "uv sync --extra s3 installs it" if protocol in {"s3", "s3a"} else error
        raise StudyError(f"{protocol}:// needs a package that is not installed: {extra}") from None
    except ValueError as error:
        raise StudyError(f"{address}: {error}") from None
    return _connected(os.getpid(), protocol, json.dumps(of_address, sort_keys=True), options)


@cache
def _connected(process: int, protocol: str, of_address: str, options: str) -> Any:
    import fsspec  # noqa: PLC0415
    from fsspec.config import conf  # noqa: PLC0415

    given = {**json.loads(of_address), **json.loads(options)}
    for secret in _secrets([given, conf, os.environ]):
        keep_secret(secret)
    if protocol in {"s3", "s3a"}:
        # Attempts are repeated here, not for minutes inside of botocore.
        brief = {"connect_timeout": 10, "read_timeout": 60, "retries": {"max_attempts": 1}}
        own = [conf.get(protocol, {}).get("config_kwargs"), given.get("config_kwargs")]
        given["config_kwargs"] = brief | (own[0] or {}) | (own[1] or {})
    return fsspec.filesystem(protocol, skip_instance_cache=True, **given)


def _secrets(settings: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What must not be seen of settings."""
    for key, value in (item for each in settings for item in each.items()):
        if isinstance(value, Mapping):
            yield from _secrets([value])
        elif _SECRET_OPTION.search(key) and isinstance(value, str):
            yield value


def _cause(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _missing(address: str) -> FileNotFoundError:
    return FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), address)


def _status(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _as_time(times: list[Any]) -> datetime | None:
    """The first of a store's times, which may be seconds or text."""
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
