"""The lock of a run on one machine."""

import errno
import json
import os
import platform
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regbench.errors import InUseError
from regbench.runs.locks import machine
from regbench.runs.locks.machine import Use, machine_lock

BOXES = st.lists(st.sampled_from(["data", "l1", "l2", "reporting"]), unique=True)
ALL = Use(["data", "l1", "l2", "reporting"], [])


def enter(root: Path, use: Use, *, wait: bool = False) -> None:
    with machine_lock(root, use, "kedro run", wait=wait):
        pass


@pytest.fixture
def other_process(tmp_path: Path) -> subprocess.Popen[str]:
    """A process that makes l1 and reads the data until it is told to end."""
    code = """
        import sys
        from pathlib import Path
        from regbench.runs.locks.machine import Use, machine_lock
        with machine_lock(Path(sys.argv[1]), Use(["l1"], ["data"]), "kedro run -p l1", wait=False):
            print("in", flush=True)
            sys.stdin.read()
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


@given(one=st.builds(Use, BOXES, BOXES), other=st.builds(Use, BOXES, BOXES))
def test_uses_conflict_where_one_makes_what_the_other_makes_or_reads(one: Use, other: Use) -> None:
    conflict = any(box in other.makes or box in other.reads for box in one.makes) or any(
        box in other.makes for box in one.reads
    )
    assert one.conflicts_with(other) == other.conflicts_with(one) == conflict


def test_the_second_stops_and_names_the_first(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    with pytest.raises(InUseError) as caught:
        enter(tmp_path, ALL)
    message = caught.value.message
    assert f"{tmp_path} is in use: process {other_process.pid} on {platform.node()}" in message
    assert "(kedro run -p l1), at work since 20" in message
    assert "makes l1;" in message
    assert "\n" not in message
    assert caught.value.exit_code == 4
    other_process.communicate("")
    enter(tmp_path, ALL)


def test_other_boxes_and_other_folders_are_free(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    enter(tmp_path, Use(["l2"], ["data"]))  # both read the data
    enter(tmp_path / "elsewhere", ALL)
    other_process.communicate("")


def test_what_a_killed_process_has_left_counts_for_nothing(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    other_process.kill()
    other_process.wait()
    assert len(list(tmp_path.glob(".runs/*.json"))) == 1
    enter(tmp_path, ALL)
    assert [path.name for path in tmp_path.glob(".runs/*")] == ["lock"]


def test_what_others_are_writing_is_left_alone(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    half = tmp_path / "06_models/l1/.0123abcd.partial.keras"
    half.parent.mkdir(parents=True)
    half.write_text("half")
    enter(tmp_path, Use(["l2"], ["data"]))
    assert half.exists()
    other_process.communicate("")
    enter(tmp_path, Use(["l2"], ["data"]))
    assert not half.exists()
    with machine_lock(tmp_path, ALL, "kedro run", wait=False):
        half.write_text("half")  # by a training process that is killed
    assert not half.exists()


def test_a_process_with_the_same_id_after_a_reboot_is_not_the_one(tmp_path: Path) -> None:
    folder = tmp_path / ".runs"
    folder.mkdir()
    use = {"makes": ["l1"], "reads": ["data"]}
    record = {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": "1999",
        "command": "x",
        "use": use,
    }
    (folder / "0123456789abcdef.json").write_text(json.dumps(record))
    (folder / "0123456789abcdef.lock").touch()  # which nobody holds
    enter(tmp_path, ALL)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_a_record_that_cannot_be_read_is_somebody_at_work(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    (record,) = tmp_path.glob(".runs/*.json")
    record.write_text('{"of": "another version"}')
    with pytest.raises(InUseError, match=rf"in use by a process that holds {record}"):
        enter(tmp_path, Use(["l2"], []))
    other_process.communicate("")
    enter(tmp_path, ALL)


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/\.runs/\w+\.json'"):
        enter(tmp_path, ALL)
    assert [path.name for path in tmp_path.glob(".runs/*")] == ["lock"]


def test_waiting_ends_with_the_first(
    tmp_path: Path,
    other_process: subprocess.Popen[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(machine, "_SECONDS_BETWEEN_ATTEMPTS", 0.01)
    order: list[str] = []

    def second() -> None:
        with machine_lock(tmp_path, ALL, "kedro run", wait=True):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    time.sleep(0.2)
    order.append("first ends")
    other_process.communicate("")
    thread.join()
    assert order == ["first ends", "second"]
    (line,) = [record.message for record in caplog.records if "waiting" in record.message]
    assert f"process {other_process.pid}" in line


def test_a_run_that_fails_ends_its_lock(tmp_path: Path) -> None:
    def fail() -> None:
        with machine_lock(tmp_path, ALL, "kedro run", wait=False):
            (record,) = tmp_path.glob(".runs/*.json")
            assert json.loads(record.read_text())["pid"] == os.getpid()
            raise ValueError("anything")

    with pytest.raises(ValueError, match="anything"):
        fail()
    enter(tmp_path, ALL)


def test_a_study_that_another_run_makes_is_left_alone_or_waited_for(
    tmp_path: Path,
    run_in: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(machine, "_SECONDS_BETWEEN_ATTEMPTS", 0.01)
    root = tmp_path / "data"
    with machine_lock(root, Use(["l2"], ["data"]), "kedro run", wait=False):
        with pytest.raises(InUseError, match=f"process {os.getpid()} on"):
            run_in(root, "data")
        assert [path.name for path in root.iterdir()] == [".runs"]
        order: list[str] = []

        def wait() -> None:
            run_in(root, "data", if_in_use="wait")
            order.append("second")

        thread = threading.Thread(target=wait)
        thread.start()
        while "waiting" not in caplog.text and thread.is_alive():
            time.sleep(0.01)
        order.append("first ends")
    thread.join()
    assert order == ["first ends", "second"]
    assert (root / "02_intermediate/images.npy").exists()
    assert [path.name for path in root.glob(".runs/*")] == ["lock"]


def test_a_suspended_process_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_SECONDS_FOR_FOLDER_LOCK", 0.05)
    (tmp_path / ".runs").mkdir()
    with (
        machine.FileLock(tmp_path / ".runs/lock"),  # as one that compares records holds it
        pytest.raises(InUseError, match=r"\.runs/lock has been held by another process for 0 s"),
    ):
        enter(tmp_path, ALL)
    enter(tmp_path, ALL)
    assert [path.name for path in (tmp_path / ".runs").iterdir()] == ["lock"]
