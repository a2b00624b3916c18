"""Ctrl-C, SIGTERM and SIGHUP: one line, the right exit code, nothing left.

Forty random moments of the real command: ``python -m tests_extra.reliability signals``.
"""

import gc
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner

from regbench import cli, early_signals
from regbench.errors import StudyError
from regbench.process import signals

PROJECT = Path(__file__).parents[2]
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.fixture(autouse=True)
def handlers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The test's own handlers; those of pytest come back."""
    before = {number: signal.getsignal(number) for number in CODES}
    monkeypatch.setattr(signals.atexit, "register", lambda *_: None)
    monkeypatch.setattr(signals, "_command", signals._Command())
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", CODES)
def test_the_first_signal_stops_the_work_and_others_change_nothing(number: int) -> None:
    cleaned = []
    with pytest.raises(signals.Stopped) as stop, signals.stop_on_signals():  # noqa: PT012
        try:
            signal.raise_signal(number)
        finally:
            for other in CODES:
                signal.raise_signal(other)
            cleaned.append(True)
    assert cleaned
    name = signal.Signals(number).name
    assert stop.value.name == signals.received() == name
    signal.raise_signal(number)  # the end is under way
    assert early_signals.EXIT_CODES[name] == CODES[signal.Signals(number)]


def test_what_takes_an_instant_is_not_interrupted() -> None:
    done = []
    with pytest.raises(signals.Stopped), signals.stop_on_signals():  # noqa: PT012
        with signals.uninterrupted():
            with signals.uninterrupted():
                signal.raise_signal(signal.SIGTERM)
                done.append(1)
            done.append(2)
        done.append(3)
    assert done == [1, 2]


def test_a_thread_leaves_the_signals_alone() -> None:
    inside = []

    def work() -> None:
        with signals.stop_on_signals(), signals.uninterrupted():
            inside.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert inside == [signal.SIG_DFL]


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` has it
    with signals.stop_on_signals():
        signal.raise_signal(signal.SIGHUP)
    assert signals.received() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_stop_that_a_finalizer_loses_comes_again() -> None:
    slept_on = False

    class Finalized:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)
            time.sleep(0)  # the handler raises here, where Python drops errors

    with pytest.raises(signals.Stopped), signals.stop_on_signals():  # noqa: PT012
        Finalized()
        gc.collect()
        time.sleep(30)  # which the stop ends
        slept_on = True
    assert not slept_on


@pytest.mark.parametrize(
    ("command", "is_run"),
    [
        (["python", "/venv/bin/kedro", "run"], True),
        (["python", "/venv/bin/kedro", "run", "--pipelines=l2"], True),
        (["python", "-m", "kedro", "run"], True),
        (["python", "-X", "importtime", "-I", "-m", "kedro", "run"], True),
        (["python", "-m", "kedro", "registry", "list"], False),
        (["python", "/venv/bin/kedro", "viz", "run"], False),
        (["python", "-m", "pytest", "kedro", "run"], False),
        (["python", "-c", "kedro", "run"], False),
        (["python", "train.py", "kedro", "run"], False),
        (["python"], False),
    ],
)
def test_only_a_run_is_watched_from_its_start(command: list[str], is_run: bool) -> None:
    assert early_signals.is_kedro_run(command) == is_run
    for module in (early_signals, signals):
        module.watch_the_start(command)
        assert (signal.getsignal(signal.SIGTERM) is module.end_at_once) == is_run


def test_an_ignored_signal_is_ignored_from_the_start() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `nohup` has it
    early_signals.watch_the_start(["python", "-m", "kedro", "run"])
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert signal.getsignal(signal.SIGTERM) is early_signals.end_at_once


def test_the_first_handlers_wait_for_no_import() -> None:
    # What they import takes 20 to 40 ms, in which Ctrl-C would be a stack trace.
    script = "import sys; import regbench.early_signals; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],  # without site, which imports for other packages
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(PROJECT / "src")},
    )
    assert not {"signal", "typing", "contextlib", "re", "enum"} & {*done.stdout.split()}
    assert "regbench.early_signals" in done.stdout


@pytest.mark.parametrize("module", ["regbench.early_signals", "regbench.process.signals"])
@pytest.mark.parametrize("number", CODES)
def test_before_the_work_the_process_ends_at_once(number: signal.Signals, module: str) -> None:
    script = (
        f"import signal; import {module} as signals\n"
        "signals.watch_the_start(['python', 'kedro', 'run'])\n"
        f"signal.raise_signal({int(number)})\n"
        "print('not reached')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == CODES[number]
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.endswith("stopped before anything ran\n")
    assert done.stderr.count("\n") == 1


def test_cleaning_up_that_hangs_is_cut_short(tmp_path: Path) -> None:
    script = (
        "import signal, time; from pathlib import Path; from regbench.process import signals\n"
        "signals.SECONDS_TO_CLEAN_UP = 0.5\n"
        "with signals.stop_on_signals(), signals.own_file(Path('half')):\n"
        "    Path('half').touch()\n"
        "    signals.at_the_end(Path('cleaned').touch)\n"
        "    try:\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "    finally:\n"
        "        time.sleep(60)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 143
    assert done.stderr == f"Error: terminated (SIGTERM): {signals.HOW_TO_GO_ON}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["cleaned"]


@pytest.mark.parametrize("number", CODES)
def test_a_run_tells_the_signal_even_where_compiled_code_hides_it(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: object) -> NoReturn:
        try:
            signal.raise_signal(number)
        except KeyboardInterrupt:
            raise ImportError("numpy.core.multiarray failed to import") from None

    monkeypatch.setattr(cli, "_kedro_run", interrupted)
    done = CliRunner().invoke(cli.run, ["--pipelines=data"])
    assert done.exit_code == CODES[number]
    assert signals.HOW_TO_GO_ON in done.output
    assert len(done.output.splitlines()) == 1


def test_a_fault_in_cleaning_up_hides_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> NoReturn:
        raise OSError("the disk is gone")

    def fail(**_: object) -> NoReturn:
        signals.at_the_end(refuse)
        raise StudyError("the first error")

    monkeypatch.setattr(cli, "_kedro_run", fail)
    done = CliRunner().invoke(cli.run, ["--pipelines=data"])
    assert done.exit_code == 1
    assert "Error: the first error" in done.output
    assert "while cleaning up: OSError: the disk is gone" in caplog.text


def test_a_terminal_that_is_gone_changes_no_exit_code() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> NoReturn:
            raise OSError(5, "Input/output error")

    StudyError("nobody reads this").show(Gone())


@pytest.mark.parametrize(
    ("number", "moment", "twice"),
    [
        (signal.SIGINT, 0.4, False),
        (signal.SIGHUP, 0.9, True),
        (signal.SIGINT, 2.0, True),
        (signal.SIGTERM, 3.0, True),
    ],
)
def test_the_command_at_some_moments_of_its_start(
    number: signal.Signals, moment: float, twice: bool, small_set: Path, tmp_path: Path
) -> None:
    short = Path(tempfile.mkdtemp(prefix="rb"))  # a socket's path has at most 107 bytes
    params = f"images={small_set},data_root={tmp_path}/data,protocol.seeds=1,protocol.epochs=50"
    # A shell has what it starts in the background ignore Ctrl-C, and whatever that starts.
    with subprocess.Popen(
        [sys.executable, "-m", "kedro", "run", "--pipelines=baseline", f"--params={params}"],
        cwd=PROJECT,
        env={**os.environ, "TMPDIR": str(short)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as study:
        time.sleep(moment)
        for _ in range(2 if twice else 1):
            with suppress(ProcessLookupError):
                os.killpg(study.pid, number)  # as a terminal does: to all its processes
        assert study.stderr is not None
        said = study.stderr.read()  # until the last process that could write has ended
    assert study.returncode == CODES[number], said
    assert said.splitlines()[-1].startswith("Error: "), said
    assert said.count("Error: ") == 1, said
    assert "Traceback" not in said
    assert "ignored" not in said
    short.rmdir()  # fails if anything is left in it
    assert not list((tmp_path / "data").rglob(".runs/*.*"))
