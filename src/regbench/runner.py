"""Kedro runner that trains several networks side by side, each in a process of its own.

Two trainings on one core each are faster than one training on two cores, and TensorFlow stays
out of the main process. Data and report nodes run in the main process, in order, while
TensorFlow is being imported.
"""

import logging
import logging.handlers
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any

from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from kedro.runner.task import Task
from pluggy import PluginManager

from regbench import worker
from regbench.errors import InterruptedStudyError, StudyError

WORKER_TAG = "tensorflow"  # nodes with this tag run in worker processes


class StudyRunner(AbstractRunner):
    """Runs the nodes tagged ``tensorflow`` in worker processes and all others in this one."""

    def __init__(self, max_workers: int | None = None, is_async: bool = False) -> None:
        """Set how many trainings run side by side.

        Args:
            max_workers: At most so many processes; default: one per core.
            is_async: Must be False; the datasets of one node are small.

        Raises:
            ValueError: ``max_workers`` is not positive.
        """
        super().__init__(is_async=is_async)
        self._max_workers = self._validate_max_workers(
            _cores() if max_workers is None else max_workers
        )

    def _get_executor(self, max_workers: int) -> Executor | None:
        return None  # the pool is made in _run, with its log queue

    def _run(
        self,
        pipeline: Pipeline,
        catalog: CatalogProtocol[Any, Any],
        hook_manager: PluginManager | None = None,
        run_id: str | None = None,
    ) -> None:
        hooks = hook_manager or _create_hook_manager()
        waiting = list(pipeline.nodes)
        depends_on = pipeline.node_dependencies
        done: set[Node] = set()
        running: dict[Future[None], Node] = {}
        workers = min(self._max_workers, sum(WORKER_TAG in node.tags for node in waiting))
        # By the runner's size, not the run's: the same seed gives the same figures in any run.
        threads = max(1, _cores() // self._max_workers)
        with _worker_pool(workers, threads) as pool:
            try:
                while waiting or running:
                    ready = [node for node in waiting if depends_on[node] <= done]
                    for node in sorted(ready, key=partial(_turn, depends_on)):
                        if WORKER_TAG not in node.tags:
                            waiting.remove(node)
                            Task(node, catalog, False, hooks, run_id).execute()
                            worker.return_freed_memory()
                            done.add(node)
                            break  # others may be ready now
                        if len(running) < workers:
                            waiting.remove(node)
                            running[pool.submit(worker.run, *_task(node, catalog))] = node
                    else:
                        finished, _ = wait(running, return_when=FIRST_COMPLETED)
                        for future in finished:
                            node = running.pop(future)
                            future.result()
                            done.add(node)
            except KeyboardInterrupt:
                _kill(pool)
                raise InterruptedStudyError(_how_far(pipeline, done)) from None
            except BrokenProcessPool as error:
                raise StudyError(
                    "a training process was killed, perhaps for want of memory; "
                    "--runner-params=max_workers=1 takes less. " + _how_far(pipeline, done)
                ) from error


def _cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _turn(depends_on: dict[Node, set[Node]], node: Node) -> tuple[bool, bool]:
    """Who comes first: what runs here, then what finishes a run, then what begins one."""
    begins = not any(WORKER_TAG in earlier.tags for earlier in depends_on[node])
    return WORKER_TAG in node.tags, begins


def _how_far(pipeline: Pipeline, done: set[Node]) -> str:
    trainings = [node for node in pipeline.nodes if node.name.endswith(".train")]
    finished = sum(node in done for node in trainings)
    return (
        f"{finished} of {len(trainings)} trainings are finished and kept; the same command with "
        "--only-missing-outputs goes on from there"
    )


def _task(node: Node, catalog: CatalogProtocol[Any, Any]) -> tuple[Node, dict[str, Any]]:
    """A node and its own datasets: the whole catalog is large and cannot be sent."""
    datasets = {name: catalog.get(name) for name in (*node.inputs, *node.outputs)}
    for name in node.outputs:
        if getattr(datasets[name], "_EPHEMERAL", False):
            raise StudyError(
                f"{name} has no entry in the catalog, and what a training makes must be stored"
            )
    return node, datasets


@contextmanager
def _worker_pool(workers: int, threads: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that send their log records here; they start when they are needed."""
    context = _process_context()
    if workers and context.get_start_method() == "forkserver":
        forkserver.set_forkserver_preload([worker.PRELOADED])
        forkserver.ensure_running()  # imports while the data nodes run
    records: Any = context.Queue()
    listener = logging.handlers.QueueListener(records, _Relay())
    pool = ProcessPoolExecutor(
        max(1, workers), context, initializer=worker.start, initargs=(records, threads)
    )
    listener.start()
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
        listener.stop()


def _process_context() -> BaseContext:
    """How training processes are made.

    Forked from one process that has TensorFlow imported, they need not import it again, and share
    the memory that it takes: 300 MB each. Only Linux forks safely after such an import.
    """
    return multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def _kill(pool: ProcessPoolExecutor) -> None:
    for process in list((pool._processes or {}).values()):
        process.terminate()


class _Relay(logging.Handler):
    """Gives a worker's record to this process's logger of the same name."""

    def emit(self, record: logging.LogRecord) -> None:
        own = logging.getLogger(record.name)
        if own.isEnabledFor(record.levelno):
            own.handle(record)
