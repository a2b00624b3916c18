"""The lock of a run in a store, with fsspec's store in memory."""

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from regbench.errors import InUseError, StudyError
from regbench.runs.locks import store as store_locks
from regbench.runs.locks.machine import Use
from regbench.runs.locks.store import store_lock
from regbench.storage.remote import RemoteFile

ROOT = RemoteFile("memory://place/study")
L1, L2 = Use(["l1"], ["data"]), Use(["l2"], ["data"])


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MemoryFileSystem]:
    monkeypatch.setenv("REGBENCH_RETRY_SECONDS", "0")
    monkeypatch.setattr(store_locks, "_SECONDS_BETWEEN_ATTEMPTS", (0.0, 0.01))
    monkeypatch.setattr(store_locks, "_SECONDS_BETWEEN_ATTEMPTS_WHEN_WAITING", (0.01, 0.02))
    on(1, tmp_path, monkeypatch)
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]
    yield memory
    memory.store.clear()


def on(machine: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Go on as if on another machine: with another cache."""
    monkeypatch.setenv("REGBENCH_CACHE", str(tmp_path / f"machine {machine}"))


def enter(use: Use, *, wait: bool = False) -> None:
    with store_lock(ROOT, use, "kedro run", wait=wait):
        pass


def records(store: MemoryFileSystem) -> list[str]:
    found: list[str] = store.glob("/place/study/.leases/*.json")
    return found


def test_another_machine_stops_and_names_the_first(
    store: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_lock(ROOT, L1, "kedro run --pipelines=l1", wait=False):
        on(2, tmp_path, monkeypatch)
        with pytest.raises(InUseError, match=r"^memory://place/study is in use: .*=l1\)") as no:
            enter(L1)
        assert no.value.exit_code == 4
        enter(L2)  # both read the data
        with pytest.raises(InUseError):
            enter(Use(["data"], []))
        assert len(records(store)) == 1
    assert records(store) == []
    enter(L1)


def test_a_run_that_was_killed_here_counts_for_nothing(store: MemoryFileSystem) -> None:
    killed = ExitStack()
    killed.enter_context(store_lock(ROOT, L1, "kedro run", wait=False))
    living = ExitStack()
    living.enter_context(store_lock(ROOT, L2, "kedro run", wait=False))
    # Both are on this machine, where its own lock lets L1 in again only if the first is dead.
    enter(L1)
    assert len(records(store)) == 1
    living.close()
    assert records(store) == []
    killed.close()


def test_a_lock_that_was_not_renewed_expires(
    store: MemoryFileSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store_lock(ROOT, L1, "kedro run", wait=False):
        on(2, tmp_path, monkeypatch)
        (record,) = records(store)
        store.store[record].created = datetime.now(UTC) - timedelta(seconds=200)
        with pytest.raises(InUseError):
            enter(L1)
        store.store[record].created = datetime.now(UTC) - timedelta(seconds=400)
        enter(L1)
        assert records(store) == []


def test_a_lock_is_renewed(store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_locks, "_RENEWAL_SECONDS", 0.01)
    with store_lock(ROOT, L1, "kedro run", wait=False):
        (record,) = records(store)
        before, content = store.store[record].created, store.cat(record)
        deadline = time.monotonic() + 30
        while store.store[record].created == before and time.monotonic() < deadline:
            time.sleep(0.01)
        assert store.store[record].created > before
        assert store.cat(record) == content


def test_a_run_whose_lock_was_removed_is_stopped(
    store: MemoryFileSystem, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(store_locks, "_RENEWAL_SECONDS", 0.01)
    # The main thread waits without an end, as it does for another process.
    waited_for, is_late = threading.Lock(), threading.Event()
    waited_for.acquire()
    late = threading.Timer(30, lambda: (is_late.set(), waited_for.release()))
    late.start()
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), store_lock(ROOT, L1, "kedro run", wait=False):  # noqa: PT012
            store.rm(records(store)[0])
            waited_for.acquire()
    finally:
        signal.signal(signal.SIGINT, before)
        late.cancel()
    assert not is_late.is_set()
    assert "another run may make the same" in caplog.text


def test_waiting_ends_with_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    order: list[str] = []

    def second() -> None:
        enter(L1, wait=True)
        order.append("second")

    with store_lock(ROOT, L1, "kedro run", wait=False):
        on(2, tmp_path, monkeypatch)
        thread = threading.Thread(target=second)
        thread.start()
        while "waiting: memory://place/study is in use" not in caplog.text:
            time.sleep(0.01)
        order.append("first ends")
    thread.join()
    assert order == ["first ends", "second"]


def test_what_is_no_record_is_named_and_left(
    store: MemoryFileSystem, caplog: pytest.LogCaptureFixture
) -> None:
    store.pipe("/place/study/.leases/0a.json", json.dumps({"run": 1}).encode())
    store.pipe("/place/study/.leases/notes.txt", b"anything")
    enter(L1)
    assert "memory://place/study/.leases/0a.json is no record of a run" in caplog.text


def test_a_lost_connection_at_the_end_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise StudyError("lost")

    with store_lock(ROOT, L1, "kedro run", wait=False):
        monkeypatch.setattr(RemoteFile, "remove", refuse)
    assert "lost" in caplog.text
