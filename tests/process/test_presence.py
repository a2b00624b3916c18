"""A folder of results that is unmounted, moved or deleted in the middle of a run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node

from regbench.errors import ResultsGoneError, StudyError, explanation
from regbench.process import presence
from regbench.runs import hooks, worker
from regbench.runs.locks.machine import Use, machine_lock
from regbench.runs.runner import StudyRunner
from regbench.storage.atomic import atomic_write, damaged_file_errors

PROJECT = Path(__file__).parents[2]


def moved(root: Path) -> None:
    root.rename(root.with_name("elsewhere"))


def another_in_its_place(root: Path) -> None:
    """As a mount: the path leads to another folder of results, or to the one below a mount."""
    moved(root)
    (root / ".runs").mkdir(parents=True)
    (root / ".regbench-results").touch()


CHANGES = [moved, shutil.rmtree, another_in_its_place]


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_written_once_the_folder_is_gone(
    change: Callable[[Path], object], tmp_path: Path
) -> None:
    root = tmp_path / "data"
    with machine_lock(root, Use(["data"], []), "kedro run", wait=False) as record:  # noqa: SIM117
        with presence.watching(root, record):
            with atomic_write(root / "06_models/a.json") as partial:
                partial.write_text("{}")
            assert presence.problem() is None
            change(root)
            with pytest.raises(ResultsGoneError) as caught, atomic_write(root / "06_models/b.json"):
                pass
            # Whatever the loss of the folder leads to, this is what is told.
            for error in (KeyError("a"), StudyError("b"), caught.value):
                told = explanation(error)
                assert isinstance(told, ResultsGoneError)
                assert told.message == caught.value.message
    assert not (root / "06_models").exists()
    # Nor is the folder made anew by giving the lock back.
    assert root.exists() == (change is another_in_its_place)
    assert presence.problem() is None
    assert caught.value.message.startswith(
        f"{root} is no longer the folder in which this run began"
    )
    assert "--only-missing-outputs" in caught.value.message


def test_a_disk_that_does_not_answer_is_told_by_what_is_read_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> bool:
        raise PermissionError(13, "Permission denied")

    with presence.watching(tmp_path, tmp_path / "record"):
        monkeypatch.setattr(Path, "exists", refuse)
        assert presence.problem() is None


def test_training_processes_look_at_the_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "_watched", None)
    monkeypatch.setattr(worker, "_set_up", lambda *_: None)
    monkeypatch.setattr(worker.devices, "share_among", lambda _: None)
    with presence.watching(tmp_path, tmp_path / ".runs/a.json"):
        of_this_run = presence.watched()
    assert of_this_run is not None
    assert presence.problem() is None
    worker.start_process(None, 1, None, str(tmp_path), results=of_this_run)
    assert str(presence.problem()).startswith(f"{tmp_path} is no longer the folder")


def test_a_missing_file_is_not_called_damaged(tmp_path: Path) -> None:
    def read() -> None:
        with damaged_file_errors("a.parquet"):
            try:
                (tmp_path / "a.parquet").read_bytes()
            except FileNotFoundError as error:
                raise RuntimeError("as Kedro's datasets do") from error

    with pytest.raises(StudyError, match=r"^a\.parquet is gone; .* makes it anew$"):
        read()


@pytest.mark.parametrize(("change", "runner"), [(moved, StudyRunner), (another_in_its_place, None)])
def test_a_whole_run_ends_in_one_line_and_leaves_what_it_had_made(
    change: Callable[[Path], object],
    runner: Any,
    run: Callable[..., dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bootstrap_project(PROJECT)
    root, node_run = tmp_path / "data", Node.run
    notified: list[BaseException] = []
    monkeypatch.setattr(hooks, "notify_of_error", lambda error, *_: notified.append(error))

    def run_and_lose(self: Node, *arguments: Any, **named: Any) -> Any:
        made = node_run(self, *arguments, **named)
        if self.name == "data.split":
            change(root)
        return made

    monkeypatch.setattr(Node, "run", run_and_lose)
    with pytest.raises(ResultsGoneError, match="is no longer the folder in which this run began"):
        run("data", runner=runner() if runner else None)
    assert not (root / "03_primary").exists()
    assert [type(error) for error in notified] == [ResultsGoneError]
    elsewhere = root.with_name("elsewhere")
    assert not elsewhere.exists() or (elsewhere / "02_intermediate/images.npy").exists()


def test_a_lock_that_cannot_be_given_back_hides_no_error_and_no_notification(
    run: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    bootstrap_project(PROJECT)
    notified: list[BaseException] = []
    monkeypatch.setattr(hooks, "notify_of_error", lambda error, *_: notified.append(error))

    def read_only(self: hooks.StudyHooks, *_: object, **__: object) -> None:
        def refuse() -> None:
            raise OSError(30, "Read-only file system", "/disk/.runs/a.json")

        self._locks.callback(refuse)

    def fail(*_: object) -> None:
        raise StudyError("the first error")

    monkeypatch.setattr(hooks.StudyHooks, "_lock", read_only)
    monkeypatch.setattr(hooks, "_check_inputs", fail)
    with pytest.raises(StudyError, match="the first error"):
        run("data")
    assert [str(error) for error in notified] == ["the first error"]
    assert "a lock stays until this process ends: [Errno 30] Read-only file system" in caplog.text


def test_a_resumed_run_that_finds_an_empty_folder_says_so(
    run: Callable[..., dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = f"{tmp_path / 'data'} holds no results yet, so that all are made (if it should hold some"
    only = {"node_names": ["data.ingest"]}
    run("data", only_missing_outputs=True, selection=only)
    assert line in caplog.text
    caplog.clear()
    run("data", only_missing_outputs=True, selection=only)
    (tmp_path / "data/.regbench-results").unlink()  # as versions without a mark leave it
    run("data", only_missing_outputs=True, selection=only)
    shutil.rmtree(tmp_path / "data")  # what is asked to make all needs no word
    run("data", selection=only)
    assert "holds no results yet" not in caplog.text
