"""Where trials are kept: an Optuna storage, by default one SQLite file below the results.

Another one has an address: that of a database (any that SQLAlchemy takes), of a journal file
(``journal:///shared/trials.log``), which folders shared over a network can hold, or of a Redis
server (``redis://host/0``), which keeps the same journal.
"""

import sqlite3
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.errors import KEDRO_RUN, StudyError
from regbench.storage.stored_file import LocalFile, StoredFile
from regbench.text.redaction import without_secrets

if TYPE_CHECKING:
    import optuna

_FILE = "trials.db"
_JOURNAL, _REDIS = "journal://", "redis"  # how addresses begin that are of no database
_ATTEMPTS, _SECONDS_BETWEEN = 3, 0.5  # at a storage that is opened for the first time
_SECONDS_TO_WAIT = 120  # for a lock of the file that another search holds


def open_study(
    folder: StoredFile, address: str | None, name: str, *, higher_is_better: bool
) -> "optuna.Study":
    """Return the Optuna study of a name, with the trials that it has already.

    Args:
        folder: Where the file is, if no address is given.
        address: Of another Optuna storage.
        name: Of the study.
        higher_is_better: Of the score.

    Raises:
        StudyError: The storage cannot be opened or read.
    """
    import optuna  # noqa: PLC0415 - slow to import
    from filelock import FileLock  # noqa: PLC0415
    from sqlalchemy.event import listen  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    path = None if address else _local(folder)
    shown = without_secrets(address) if address else str(path)
    direction = "maximize" if higher_is_better else "minimize"
    try:
        if path is None:
            storage = _storage_at(str(address))
            return optuna.create_study(
                storage=storage, study_name=name, direction=direction, load_if_exists=True
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):  # searches side by side would each make the tables
            with sqlite3.connect(path) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
            connection.close()
            storage = optuna.storages.RDBStorage(
                f"sqlite:///{path}",
                engine_kwargs={"connect_args": {"timeout": _SECONDS_TO_WAIT}},
            )
            # A commit need not wait for the disk: with a write-ahead log, no killed process loses
            # one, a power cut the last ones at most (sqlite.org/pragma.html#pragma_synchronous).
            listen(storage.engine, "connect", _without_waiting)
            storage.engine.dispose()
            return optuna.create_study(
                storage=storage, study_name=name, direction=direction, load_if_exists=True
            )
    except (SQLAlchemyError, sqlite3.Error, RuntimeError, ImportError, ValueError) as error:
        reason = str(error).splitlines()[0]
        remedy = (
            "check tuning.storage, an address such as postgresql://user@host/name or "
            "journal:///shared/trials.log"
            if address
            else f"delete it and {KEDRO_RUN} --pipelines=tuning begins the search anew"
        )
        raise StudyError(f"{shown}: the trials cannot be read: {reason}; {remedy}") from error


def _without_waiting(connection: sqlite3.Connection, _: object) -> None:
    """Let a new connection's commits return before they are on the disk."""
    connection.execute("PRAGMA synchronous=NORMAL")


def _storage_at(address: str) -> "optuna.storages.BaseStorage":
    """Return the storage at an address.

    Raises:
        ValueError: The folder of a journal file is missing.
        ImportError: What reaches the storage is not installed.
    """
    from optuna.storages import JournalStorage, journal  # noqa: PLC0415 - slow to import

    if address.startswith(_REDIS):
        return JournalStorage(journal.JournalRedisBackend(address))
    if not address.startswith(_JOURNAL):
        return _database_at(address)
    path = Path(address.removeprefix(_JOURNAL))
    if not path.is_absolute() or not path.parent.is_dir():
        raise ValueError(f"{path.parent} is no folder, or not named from the root")
    return JournalStorage(journal.JournalFileBackend(str(path)))


def _database_at(address: str) -> "optuna.storages.RDBStorage":
    """Return the storage in a database, which other searches may be opening for the first time.

    Each would make the tables; who comes second fails, and finds them at the next attempt.
    """
    import optuna  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    for _ in range(_ATTEMPTS - 1):
        try:
            return optuna.storages.RDBStorage(address)
        except DBAPIError:
            time.sleep(_SECONDS_BETWEEN)
    return optuna.storages.RDBStorage(address)


def _local(folder: StoredFile) -> Path:
    """Return the path of the file.

    Raises:
        StudyError: The results are in an object store, where SQLite cannot work.
    """
    if isinstance(folder, LocalFile):
        return folder.path.absolute() / _FILE
    raise StudyError(
        f"{folder}: an object store cannot hold the trials' SQLite file; set tuning.storage to "
        "the address of an Optuna storage, such as sqlite:////home/me/trials.db"
    )
