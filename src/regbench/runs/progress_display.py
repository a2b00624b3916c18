"""Progress of a run's trainings: bars on a terminal, log lines elsewhere.

Training reports events through ``logging``, which also carries them out of worker processes.
During a run, one of the handlers in this module shows them.
"""

import logging
import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from regbench.training.events import EVENTS, EpochDone, TrainingDone, TrainingNotNeeded

_LINES = logging.getLogger("regbench")
_SECONDS_BETWEEN_EPOCH_LINES = 30
_TRAININGS_BEFORE_ESTIMATE = 4  # the first ones wait for data and imports


class PlainProgress(logging.Handler):
    """Log handler that writes a line per training, and one per epoch where epochs are slow."""

    def __init__(self, trainings: int, *, at_most: bool = False) -> None:
        """Show the progress of this number of trainings, of which looks may spare some."""
        super().__init__()
        self._trainings = trainings
        self._most = "at most " if at_most else ""
        self._done = 0
        self._started = self._last_line = time.monotonic()

    def start(self) -> None:
        """Handle the events of training from now on."""
        EVENTS.addHandler(self)
        EVENTS.propagate = False

    def stop(self) -> None:
        """Leave the events to the other log handlers again; may be called twice."""
        EVENTS.removeHandler(self)
        EVENTS.propagate = True

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line for a finished training, or for an epoch if the last line is old."""
        event = getattr(record, "event", None)
        now = time.monotonic()
        if isinstance(event, TrainingNotNeeded):
            self._trainings -= 1
            return
        if isinstance(event, TrainingDone):
            self._done += 1
            left = (now - self._started) / self._done * (self._trainings - self._done)
            known = left > 0 and self._done >= _TRAININGS_BEFORE_ESTIMATE
            remaining = f"; {self._most or 'about '}{_duration(left)} left" if known else ""
            of = f"{self._most}{self._trainings}"
            _LINES.info("training %d of %s: %s%s", self._done, of, event, remaining)
        elif now - self._last_line > _SECONDS_BETWEEN_EPOCH_LINES:
            _LINES.info("%s", event)
        else:
            return
        self._last_line = now


class LiveProgress(PlainProgress):
    """Log handler that draws a bar for all trainings and one for each that is under way."""

    def __init__(self, trainings: int, console: Console, *, at_most: bool = False) -> None:
        """Show the progress of this number of trainings on ``console``."""
        super().__init__(trainings, at_most=at_most)
        self._display = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            refresh_per_second=2,  # Rich's default of ten a second takes 1 % of two cores
        )
        self._all = self._display.add_task("trainings", total=trainings, note="")
        self._bars: dict[tuple[str, int], TaskID] = {}
        self._log_handlers = [
            handler
            for handler in logging.getLogger().handlers
            if isinstance(handler, logging.StreamHandler)
            and not isinstance(handler, logging.FileHandler)
        ]

    def start(self) -> None:
        """Show the bars, and print other log lines above them."""
        super().start()
        self._display.start()
        self._streams = [handler.stream for handler in self._log_handlers]
        for handler in self._log_handlers:
            handler.setStream(_PrintedAboveBars(self._display.console))

    def stop(self) -> None:
        """Remove the bars."""
        super().stop()
        self._display.stop()
        for handler, stream in zip(self._log_handlers, self._streams, strict=True):
            handler.setStream(stream)

    def emit(self, record: logging.LogRecord) -> None:
        """Update the bars."""
        event = getattr(record, "event", None)
        if isinstance(event, EpochDone):
            bar = self._bar(event)
            note = f"train {event.train_accuracy:.3f}  validation {event.validation_accuracy:.3f}"
            note += event.which
            self._display.update(bar, completed=event.epoch, note=note)
        elif isinstance(event, TrainingNotNeeded):
            self._trainings -= 1
            self._display.update(self._all, total=self._trainings)
        elif isinstance(event, TrainingDone):
            training = (event.technique, event.seed)
            if training in self._bars:
                self._display.remove_task(self._bars.pop(training))
            self._display.advance(self._all)
            self._display.console.print(str(event), highlight=False, markup=False)

    def _bar(self, event: EpochDone) -> TaskID:
        training = (event.technique, event.seed)
        if training not in self._bars:
            title = f"{event.technique} seed {event.seed}"
            self._bars[training] = self._display.add_task(title, total=event.epochs, note="")
        return self._bars[training]


class _PrintedAboveBars:
    """Stream whose text the console prints above the bars."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def write(self, text: str) -> None:
        if text.strip():
            self._console.print(text.rstrip("\n"), highlight=False, markup=False, soft_wrap=True)

    def flush(self) -> None:
        """Do nothing: every text is printed at once."""


def progress_display(trainings: int, *, at_most: bool = False) -> PlainProgress:
    """Return the display for standard error: bars on a terminal, plain lines elsewhere.

    Args:
        trainings: The number that the run is going to make.
        at_most: Whether looks may spare some of them.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        return LiveProgress(trainings, console, at_most=at_most)
    return PlainProgress(trainings, at_most=at_most)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
