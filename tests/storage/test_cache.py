"""The locks of the cache: who waits is told, and does not wait for ever."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from regbench.errors import InUseError
from regbench.storage import cache


@contextmanager
def held_elsewhere(key: str) -> Iterator[threading.Event]:
    """Hold a lock as another process would, until the event is set or the block ends."""
    held, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with cache.cache_lock(key):
            held.set()
            enough.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    try:
        yield enough
    finally:
        enough.set()
        thread.join()


@pytest.fixture(autouse=True)
def brief(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setattr(cache, "_SECONDS_BEFORE_A_WORD", 0.05)


def test_who_waits_too_long_stops_with_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "SECONDS_FOR_CACHE_LOCK", 0.05)
    with (
        held_elsewhere("s3://bucket/set.zip"),
        pytest.raises(InUseError, match=r"^s3://bucket/set\.zip: another process has been at work"),
        cache.cache_lock("s3://bucket/set.zip"),
    ):
        pass
    with cache.cache_lock("s3://bucket/set.zip"):  # free again
        pass


def test_who_waits_is_told_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    class Told(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            enough.set()

    with held_elsewhere("a") as enough:
        cache.logger.addHandler(handler := Told())
        with caplog.at_level(logging.INFO), cache.cache_lock("a"):
            pass
        cache.logger.removeHandler(handler)
    assert "waiting for another process, which is at work on the copy of a" in caplog.text
