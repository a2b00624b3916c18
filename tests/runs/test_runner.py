"""Trainings in parallel: where nodes run, and what happens when a process dies."""

import json
import logging
import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, NoReturn

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline

from regbench.datasets.atomic import JSONDataset
from regbench.errors import StudyError
from regbench.process import devices
from regbench.runs import runner, worker
from regbench.runs.endings import reason_of
from regbench.runs.runner import StudyRunner
from regbench.runs.worker import NodeError
from regbench.training.if_needed import ends_at_once_if

PROJECT = Path(__file__).parents[2]


def catalog_in(folder: Path, *names: str) -> DataCatalog:
    return DataCatalog({name: JSONDataset(filepath=str(folder / name)) for name in names})


def test_what_is_skipped_is_counted_and_not_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline(
        [Node(lambda: {}, None, name, name=f"makes_{name}") for name in ("one", "two", "three")]
    )
    catalog = catalog_in(tmp_path, "one", "two", "three")
    catalog.save("one", {})
    with caplog.at_level(logging.INFO, runner.logger.name):
        StudyRunner(max_workers=1).run(pipeline, catalog, only_missing_outputs=True)
        assert "2 of 3 nodes are run; what the others make is there" in caplog.text
        StudyRunner(max_workers=1).run(
            pipeline, catalog_in(tmp_path / "new", "one", "two", "three")
        )
    assert caplog.text.count("nodes are run") == 1
    assert "makes_" not in caplog.text


def test_only_tagged_nodes_leave_the_main_process(tmp_path: Path) -> None:
    pipeline = Pipeline(
        [
            Node(os.getpid, None, "there", name="there", tags=["tensorflow"]),
            Node(os.getpid, None, "here", name="here"),
        ]
    )
    StudyRunner(max_workers=1).run(pipeline, catalog_in(tmp_path, "there", "here"))
    assert json.loads((tmp_path / "here").read_text()) == os.getpid()
    assert json.loads((tmp_path / "there").read_text()) != os.getpid()


@ends_at_once_if(lambda is_needed: not is_needed)
def _process_if_needed(is_needed: bool, other: int) -> int:
    return os.getpid()


def test_a_training_that_is_not_needed_takes_no_process(tmp_path: Path) -> None:
    inputs = {"is_needed": "params:yes", "other": "other"}
    pipeline = Pipeline(
        [
            Node(_process_if_needed, inputs, "there", name="there", tags=["tensorflow"]),
            Node(
                _process_if_needed,
                inputs | {"is_needed": "params:no"},
                "here",
                name="here",
                tags=["tensorflow"],
            ),
        ]
    )
    catalog = catalog_in(tmp_path, "there", "here")
    for name, value in (("params:yes", True), ("params:no", False), ("other", 1)):
        catalog[name] = MemoryDataset(value)
    StudyRunner(max_workers=1).run(pipeline, catalog)
    assert json.loads((tmp_path / "here").read_text()) == os.getpid()
    assert json.loads((tmp_path / "there").read_text()) != os.getpid()


def test_a_node_waits_for_what_it_needs(tmp_path: Path) -> None:
    pipeline = Pipeline(
        [
            Node(json.dumps, "number", "text", name="c.train", tags=["tensorflow"]),
            Node(len, "text", "length", name="c.evaluate", tags=["tensorflow"]),
            Node(abs, "start", "number", name="a"),
            Node(math.sqrt, "length", "last", name="d"),
        ]
    )
    catalog = catalog_in(tmp_path, "number", "text", "length", "last")
    catalog["start"] = MemoryDataset(-1234)
    StudyRunner(max_workers=2).run(pipeline, catalog)
    assert json.loads((tmp_path / "last").read_text()) == 2.0


@pytest.mark.parametrize(
    ("end", "number", "said"),
    [
        (signal.raise_signal, signal.SIGKILL, "was killed, perhaps for want of memory"),
        (signal.raise_signal, signal.SIGSEGV, "was ended by SIGSEGV"),
        (os._exit, 9, "ended by itself, with exit code 9"),
    ],
)
def test_a_process_that_ends_is_explained(
    end: Callable[[int], None], number: int, said: str, tmp_path: Path
) -> None:
    pipeline = Pipeline(
        [
            Node(abs, "start", "kept", name="kept"),
            Node(end, "kept", "never", name="x.train", tags=["tensorflow"]),
        ]
    )
    catalog = catalog_in(tmp_path, "kept", "never")
    catalog["start"] = MemoryDataset(int(number))
    with pytest.raises(
        StudyError, match=rf"process {said}.*0 of the 1 trainings to be made are finished"
    ):
        StudyRunner(max_workers=1).run(pipeline, catalog)
    assert json.loads((tmp_path / "kept").read_text()) == number


def test_of_a_search_that_is_stopped_the_techniques_are_counted(tmp_path: Path) -> None:
    nodes = [
        Node(os.getpid, None, "one", name="tuning.a.search", tags=["tensorflow"]),
        Node(os._exit, "one", "other", name="tuning.b.search", tags=["tensorflow"]),
    ]
    with pytest.raises(StudyError, match=r"1 of the 2 techniques are searched, and all finished"):
        StudyRunner(max_workers=1).run(Pipeline(nodes), catalog_in(tmp_path, "one", "other"))


def test_of_a_recommendation_that_is_stopped_trainings_are_kept(tmp_path: Path) -> None:
    name = "recommend.worker_1.search"
    nodes = [Node(os._exit, "nine", "never", name=name, tags=["tensorflow"])]
    catalog = catalog_in(tmp_path, "never")
    catalog["nine"] = MemoryDataset(9)
    with pytest.raises(StudyError, match=r"code 9\. all finished trainings are kept; the same"):
        StudyRunner(max_workers=1).run(Pipeline(nodes), catalog)


def test_a_process_is_told_how_many_trainings_run_at_once(tmp_path: Path) -> None:
    """Which share the memory: not more than there are to be made."""
    names = ["a.train", "b.train", "a.evaluate", "b.evaluate"]
    for most, expected in ((1, 1), (2, 2), (3, 2)):
        pipeline = Pipeline(
            [
                Node(devices.trainings_at_once, None, name[0], name=name, tags=["tensorflow"])
                for name in names[:2]
            ]
            + [Node(abs, name[0], f"{name}d", name=name, tags=["tensorflow"]) for name in names[2:]]
        )
        outputs = [output for node in pipeline.nodes for output in node.outputs]
        StudyRunner(max_workers=most).run(pipeline, catalog_in(tmp_path, *outputs))
        assert json.loads((tmp_path / "a").read_text()) == expected


def test_an_error_in_a_worker_is_raised_here(tmp_path: Path) -> None:
    pipeline = Pipeline([Node(json.loads, "word", "number", name="x.train", tags=["tensorflow"])])
    catalog = catalog_in(tmp_path, "number")
    catalog["word"] = MemoryDataset("no number")
    with pytest.raises(NodeError, match="JSONDecodeError: Expecting value"):
        StudyRunner(max_workers=1).run(pipeline, catalog)
    assert not list(tmp_path.iterdir())


def test_a_refusing_disk_is_explained(tmp_path: Path) -> None:
    (tmp_path / "pid").mkdir()  # a folder where the file should be
    pipeline = Pipeline([Node(os.getpid, None, "pid", name="x.train", tags=["tensorflow"])])
    with pytest.raises(StudyError, match=r"Is a directory: .*pid"):
        StudyRunner(max_workers=1).run(pipeline, catalog_in(tmp_path, "pid"))


def test_what_a_training_makes_must_be_stored(tmp_path: Path) -> None:
    pipeline = Pipeline([Node(os.getpid, None, "lost", name="x.train", tags=["tensorflow"])])
    with pytest.raises(StudyError, match="lost has no entry in the catalog"):
        StudyRunner(max_workers=1).run(pipeline, DataCatalog({}))


def test_the_number_of_processes_is_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        StudyRunner(max_workers=0)


class UnsendableError(Exception):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} and {other}")


def _fail(_: object) -> None:
    raise UnsendableError("this", "that")


def test_an_error_that_cannot_be_sent_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(PROJECT)  # where a training process finds this module
    pipeline = Pipeline([Node(_fail, "start", "never", name="x", tags=["tensorflow"])])
    catalog = catalog_in(tmp_path, "never")
    catalog["start"] = MemoryDataset(1)
    with pytest.raises(NodeError, match="UnsendableError: this and that"):
        StudyRunner(max_workers=1).run(pipeline, catalog)


def _sleep_and_tell(folder: str) -> int:
    Path(folder, "pid").write_text(str(os.getpid()))
    time.sleep(600)
    return 0


_STUDY = """
from pathlib import Path
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from regbench.process import devices
from regbench.datasets.atomic import JSONDataset
from regbench.runs.runner import StudyRunner
from tests.runs.test_runner import _sleep_and_tell

if __name__ == "__main__":
    catalog = DataCatalog({"made": JSONDataset(filepath="made.json")})
    catalog["folder"] = MemoryDataset(str(Path.cwd()))
    node = Node(_sleep_and_tell, "folder", "made", name="x.train", tags=["tensorflow"])
    StudyRunner(max_workers=1).run(Pipeline([node]), catalog)
"""


def test_a_training_ends_with_the_study_even_if_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(_STUDY)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    study = subprocess.Popen([sys.executable, "study.py"], cwd=tmp_path, env=environment)
    pid = tmp_path / "pid"
    try:
        _wait_for(lambda: pid.exists() and pid.read_text() != "")
        training = int(pid.read_text())
        assert _is_running(training)
    finally:
        study.kill()
        study.wait()
    _wait_for(lambda: not _is_running(training))


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < deadline, "it did not happen within five minutes"
        time.sleep(0.05)


def _die_once(folder: str) -> bool:
    """Be killed while the other is at work; the next time, say whether that has ended."""
    died = Path(folder, "died")
    if died.exists():
        return Path(folder, "survivor").exists()
    _wait_for(Path(folder, "begun").exists)
    died.touch()
    os.kill(os.getpid(), signal.SIGKILL)
    return False


def _survive(folder: str) -> int:
    with Path(folder, "begun").open("a") as begun:
        begun.write(f"{os.getpid()}\n")
    _wait_for(Path(folder, "died").exists)
    time.sleep(1)  # until the main process knows
    return os.getpid()


def test_a_killed_process_leaves_the_others_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.syspath_prepend(PROJECT)  # where a training process finds this module
    pipeline = Pipeline(
        [
            Node(_die_once, "folder", "killed", name="x.train", tags=["tensorflow"]),
            Node(_survive, "folder", "survivor", name="y.train", tags=["tensorflow"]),
        ]
    )
    catalog = catalog_in(tmp_path, "killed", "survivor")
    catalog["folder"] = MemoryDataset(str(tmp_path))
    StudyRunner(max_workers=2).run(pipeline, catalog)
    survivor = json.loads((tmp_path / "survivor").read_text())
    assert (tmp_path / "begun").read_text() == f"{survivor}\n"  # once, and never again
    assert json.loads((tmp_path / "killed").read_text()) is True  # run again, alone
    assert "was killed" in caplog.text
    assert "once more, alone: x.train" in caplog.text


def _lock_the_queue_and_die_later(folder: str) -> int:
    """Be killed with the log's queue locked, as its writer is, once this node has ended."""

    def die() -> None:
        _wait_for(Path(folder, "ended").exists)
        handler: Any = logging.getLogger().handlers[0]
        handler.queue._wlock.acquire()
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=die, daemon=True).start()
    return os.getpid()


def _see_it_die(process: int, folder: str) -> bool:
    Path(folder, "ended").touch()
    _wait_for(lambda: not _is_running(process))
    return True


_STUDY_OF_THE_DYING = """
from pathlib import Path
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from regbench.process import devices
from regbench.datasets.atomic import JSONDataset
from regbench.runs.runner import StudyRunner
from tests.runs.test_runner import _lock_the_queue_and_die_later, _see_it_die

if __name__ == "__main__":
    catalog = DataCatalog({name: JSONDataset(filepath=name) for name in ("process", "seen")})
    catalog["folder"] = MemoryDataset(str(Path.cwd()))
    dying = Node(
        _lock_the_queue_and_die_later, "folder", "process", name="x.train", tags=["tensorflow"]
    )
    seeing = Node(_see_it_die, ["process", "folder"], "seen", name="see")
    StudyRunner(max_workers=1).run(Pipeline([dying, seeing]), catalog)
"""


def test_a_process_killed_after_its_last_node_does_not_hold_up_the_end(tmp_path: Path) -> None:
    (tmp_path / "study.py").write_text(_STUDY_OF_THE_DYING)
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    subprocess.run(
        [sys.executable, "study.py"], cwd=tmp_path, env=environment, check=True, timeout=300
    )
    assert json.loads((tmp_path / "seen").read_text()) is True


class _GonePool:
    """A pool whose processes, or whose maker of processes, have been killed."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.stopped = False

    def submit(self, *_: object) -> NoReturn:
        raise self.error

    def shutdown(self, **_: object) -> None:
        self.stopped = True


@pytest.mark.parametrize("error", [BrokenProcessPool("gone"), EOFError("gone")])
def test_processes_killed_between_two_nodes_are_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    gone = _GonePool(error)
    make = runner._Worker._new_pool
    pools = [gone]
    monkeypatch.setattr(
        runner._Worker,
        "_new_pool",
        lambda self, records: pools.pop() if pools else make(self, records),
    )
    pipeline = Pipeline([Node(os.getpid, None, "made", name="x.train", tags=["tensorflow"])])
    StudyRunner(max_workers=1).run(pipeline, catalog_in(tmp_path, "made"))
    assert gone.stopped
    assert json.loads((tmp_path / "made").read_text()) != os.getpid()


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells")
def test_the_parent_of_worker_processes_releases_the_pages_of_its_imports() -> None:
    script = """
from pathlib import Path
import regbench.runs.worker_preload
print(Path("/proc/self/smaps_rollup").read_text())
import tensorflow
print("sum", int(tensorflow.reduce_sum(tensorflow.ones((3, 4)))))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    figures = dict(line.split(":", 1) for line in done.stdout.splitlines() if ":" in line)
    of_files = [int(figures[name].split()[0]) for name in ("Rss", "Anonymous")]
    assert of_files[0] - of_files[1] < 100 << 10  # of more than 400 MB
    assert "sum 12" in done.stdout


def test_a_fault_in_compiled_code_is_told_by_its_last_line() -> None:
    import tensorflow as tf

    @tf.function
    def compiled() -> None:
        raise ValueError("no such penalty")

    with pytest.raises(ValueError, match="in user code") as raised:
        compiled()
    assert reason_of(raised.value) == "ValueError: no such penalty"
    sent = NodeError(f"{type(raised.value).__name__}: {raised.value}")
    assert reason_of(sent) == "ValueError: no such penalty"


def test_a_process_that_cannot_be_set_up_says_why_at_its_first_node(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object) -> NoReturn:
        raise ImportError("no such library")

    monkeypatch.setattr(worker, "_set_up", fail)
    monkeypatch.setattr(worker, "_fault_of_start", None)
    worker.start_process(None, 1, None, "")
    with pytest.raises(NodeError, match=r"^ImportError: no such library$"):
        worker.run_node(Node(abs, "a", "b", name="n"), {})


def test_a_temporary_folder_with_too_long_a_path_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> NoReturn:
        raise OSError("AF_UNIX path too long")

    monkeypatch.setattr(runner.forkserver, "ensure_running", refuse)
    monkeypatch.setattr(
        runner, "_process_context", lambda: multiprocessing.get_context("forkserver")
    )
    pipeline = Pipeline([Node(os.getpid, None, "made", name="x.train", tags=["tensorflow"])])
    with pytest.raises(
        StudyError, match=r"AF_UNIX path too long; TMPDIR names another, with a sho"
    ):
        StudyRunner(max_workers=1).run(pipeline, catalog_in(tmp_path, "made"))
