"""How far a study is, in lines or in bars."""

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from regbench.runs import progress_display as progress
from regbench.runs.progress_display import LiveProgress, PlainProgress, progress_display
from regbench.training.events import EpochDone, TrainingDone, TrainingNotNeeded, report

EPOCH = EpochDone("l2", 3, 2, 10, 0.91234, 0.90001)
DONE = TrainingDone("l2", 3, 10, 12.34, 0.95, 0.94)
SPARED = TrainingNotNeeded("l1", 6, 5)
FAILED = TrainingDone("l1", 1, 2, 1.0, failure="the loss stopped being finite in epoch 2")


MEMBER = EpochDone("bags", 3, 17, 30, 0.91234, 0.90001, 2, 3)


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    return clock


@pytest.fixture
def plain(clock: Clock) -> Iterator[PlainProgress]:
    display = PlainProgress(6)
    display.start()
    yield display
    display.stop()


class Lines(logging.Handler):
    """What a handler of the root logger gets; caplog would see more than that."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def lines() -> Iterator[list[str]]:
    handler = Lines()
    logging.getLogger().addHandler(handler)
    yield handler.lines
    logging.getLogger().removeHandler(handler)


class TestEvents:
    def test_read_well(self) -> None:
        assert str(EPOCH) == ("l2 seed 3: epoch 2 of 10, accuracy train 0.9123, validation 0.9000")
        assert str(DONE) == (
            "l2 seed 3: accuracy validation 0.9500, test 0.9400 (10 epochs, 12.3 s)"
        )
        assert str(TrainingDone("l2", 3, 10, 12.34, 0.95)) == (
            "l2 seed 3: accuracy validation 0.9500 (10 epochs, 12.3 s)"
        )
        assert str(SPARED) == "l1 seed 6: not needed after the look at 5 seeds"
        assert str(FAILED) == "l1 seed 1: failed: the loss stopped being finite in epoch 2"

    def test_are_ordinary_log_records_when_nobody_shows_progress(self, lines: list[str]) -> None:
        report(DONE)
        assert lines == [str(DONE)]


@pytest.mark.usefixtures("plain")
class TestLines:
    def test_come_for_every_training(self, lines: list[str]) -> None:
        report(DONE)
        report(FAILED)
        assert lines == [f"training 1 of 6: {DONE}", f"training 2 of 6: {FAILED}"]

    def test_come_for_epochs_only_where_they_are_slow(self, lines: list[str], clock: Clock) -> None:
        report(EPOCH)
        clock.now += 29
        report(EPOCH)
        assert lines == []
        clock.now += 2
        report(EPOCH)
        report(EPOCH)
        assert lines == [str(EPOCH)]
        clock.now += 29
        report(DONE)
        clock.now += 29
        report(EPOCH)  # a training's line counts as one too
        assert len(lines) == 2

    def test_tell_the_time_left_once_it_can_be_known(self, lines: list[str], clock: Clock) -> None:
        for _ in range(6):
            clock.now += 60
            report(DONE)
        left = [line.partition(" s); ")[2] for line in lines]
        assert left == ["", "", "", "about 2 min left", "about 60 s left", ""]


def test_lines_of_a_study_with_looks_count_without_what_is_not_needed(
    clock: Clock, lines: list[str]
) -> None:
    display = PlainProgress(8, at_most=True)
    display.start()
    for _ in range(4):
        clock.now += 60
        report(DONE)
    report(SPARED)
    report(SPARED)
    report(DONE)
    display.stop()
    assert [line.partition(":")[0] for line in lines] == [
        *(f"training {number} of at most 8" for number in (1, 2, 3, 4)),
        "training 5 of at most 6",
    ]
    assert lines[3].endswith("; at most 4 min left")


def test_after_the_end_records_are_ordinary_again(clock: Clock, lines: list[str]) -> None:
    display = PlainProgress(1)
    display.start()
    display.stop()
    display.stop()
    report(EPOCH)
    assert lines == [str(EPOCH)]


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def handlers() -> Iterator[list[logging.Handler]]:
    """Handlers that a test puts on the root logger go away again."""
    added: list[logging.Handler] = []
    yield added
    for handler in added:
        logging.getLogger().removeHandler(handler)
        handler.close()


def live(screen: io.StringIO, trainings: int = 2) -> LiveProgress:
    return LiveProgress(trainings, Console(file=screen, force_terminal=True, width=150))


class TestBars:
    def test_show_the_study_and_its_trainings(self, screen: io.StringIO) -> None:
        display = live(screen)
        display.start()
        try:
            report(EPOCH)
            report(EpochDone("l1", 1, 1, 4, 0.5, 0.25))
            report(EpochDone("l2", 3, 3, 10, 0.92, 0.91))
            display._display.refresh()
            shown = screen.getvalue()
            for text in ("l2 seed 3", "3/10", "train 0.920  validation 0.910", "1/4", "0/2"):
                assert text in shown
            screen.truncate(0)
            report(DONE)
            display._display.refresh()
            shown = screen.getvalue()
            assert str(DONE) in shown
            assert "1/2" in shown
            after = shown[shown.rindex("trainings") :]
            assert "l1 seed 1" in after
            assert "l2 seed 3" not in after  # its bar is gone
            report(SPARED)
            display._display.refresh()
            assert "1/1" in screen.getvalue()
            report(FAILED)
            report(TrainingDone("fast", 1, 1, 0.1, 0.5))  # one that never showed a bar
            assert str(FAILED) in screen.getvalue()
        finally:
            display.stop()
        display.stop()

    def test_leave_log_lines_above_them(
        self, screen: io.StringIO, handlers: list[logging.Handler]
    ) -> None:
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
        logger = logging.getLogger("regbench.tests")
        display = live(screen)
        display.start()
        try:
            logger.warning("something [odd] %s", "x" * 200)
            handler.flush()
            assert f"something [odd] {'x' * 200}\n" in screen.getvalue()
            assert stream.getvalue() == ""
        finally:
            display.stop()
        logger.warning("afterwards")
        assert stream.getvalue() == "afterwards\n"

    def test_leave_log_files_alone(
        self, screen: io.StringIO, handlers: list[logging.Handler], tmp_path: Path
    ) -> None:
        handler = logging.FileHandler(tmp_path / "study.log")
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
        display = live(screen)
        display.start()
        try:
            logging.getLogger("regbench.tests").warning("for the file")
        finally:
            display.stop()
        assert (tmp_path / "study.log").read_text() == "for the file\n"


class TestWhichOne:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    @pytest.fixture(autouse=True)
    def _no_wishes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE", "NO_COLOR"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("TERM", "xterm")

    def test_bars_on_a_terminal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", self.Terminal())
        assert isinstance(progress_display(3), LiveProgress)

    def test_lines_elsewhere(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stderr", io.StringIO())
        assert type(progress_display(3)) is PlainProgress


def test_the_network_of_an_ensemble_is_named(screen: io.StringIO) -> None:
    assert str(MEMBER) == (
        "bags seed 3, network 2 of 3: epoch 17 of 30, accuracy train 0.9123, validation 0.9000"
    )
    assert "network" not in str(EPOCH)
    display = live(screen)
    display.start()
    try:
        report(MEMBER)
        display._display.refresh()
        assert "network 2 of 3" in screen.getvalue()
    finally:
        display.stop()
