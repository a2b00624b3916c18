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
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import forkserver
from multiprocessing.context import BaseContext
from typing import Any, Self

from kedro.framework.hooks.manager import _create_hook_manager  # noqa: PLC2701
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from kedro.runner.task import Task
from pluggy import PluginManager

from regbench.errors import StudyError, stopped
from regbench.runs import worker
from regbench.training.on_failure import on_failure

logger = logging.getLogger(__name__)

WORKER_TAG = "tensorflow"  # nodes with this tag run in worker processes
KILLED = (
    "a training process was killed, perhaps for want of memory; "
    "--runner-params=max_workers=1 takes less"
)


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
        if not pipeline.nodes:
            return  # no process is made
        hooks = hook_manager or _create_hook_manager()
        depends_on = pipeline.node_dependencies
        waiting, done = list(pipeline.nodes), set[Node]()
        trainings = _Trainings(
            min(self._max_workers, sum(WORKER_TAG in node.tags for node in waiting)),
            # By the runner's size, not the run's: the same seed gives the same figures in any run.
            threads=max(1, _cores() // self._max_workers),
        )
        with trainings:
            try:
                while waiting or trainings.running:
                    ready = [node for node in waiting if depends_on[node] <= done]
                    for node in sorted(ready, key=partial(_turn, depends_on)):
                        if WORKER_TAG not in node.tags:
                            waiting.remove(node)
                            Task(node, catalog, False, hooks, run_id).execute()
                            worker.return_freed_memory()
                            done.add(node)
                            break  # others may be ready now
                        if trainings.take(node, catalog):
                            waiting.remove(node)
                    else:
                        finished, again = trainings.wait()
                        done |= finished
                        waiting += again
            except KeyboardInterrupt as stop:
                trainings.kill()
                raise stopped(stop, _how_far(pipeline, done)) from None
            except BrokenProcessPool as error:
                raise StudyError(f"{KILLED}. {_how_far(pipeline, done)}") from error


class _Trainings:
    """Nodes that run in processes of their own.

    A training that fails is replaced by the record of its failure. One whose process is killed is
    run once more, without others beside it, as memory may have been short; if it is killed again,
    it has failed. In any case the others go on.
    """

    def __init__(self, processes: int, threads: int) -> None:
        self.running: dict[Future[None], Node] = {}
        self._context = _process_context()
        self._processes = [_Process(self._context, threads) for _ in range(processes)]
        self._idle = list(self._processes)
        self._at_work: dict[Future[None], _Process] = {}
        self._killed: set[Node] = set()
        self._failed: dict[Node, str] = {}

    def __enter__(self) -> Self:
        if self._processes and self._context.get_start_method() == "forkserver":
            forkserver.set_forkserver_preload([worker.PRELOADED])
            forkserver.ensure_running()  # imports while the data nodes run
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.stop()

    def take(self, node: Node, catalog: CatalogProtocol[Any, Any]) -> bool:
        """Run a node now; False if it has to wait."""
        if self._killed and (self.running or node not in self._killed):
            return False
        if not self._idle:
            return False
        replacement = on_failure(node.func) if node in self._failed else None
        if replacement:
            task = _task(node._copy(func=partial(replacement, self._failed[node])), catalog)
        else:
            task = _task(node, catalog)
        process = self._idle.pop()
        future = process.run(*task)
        self._at_work[future] = process
        self.running[future] = node
        return True

    def wait(self) -> tuple[set[Node], list[Node]]:
        """Wait for a node to end; return those that are done, and those to be run again.

        Raises:
            Exception: What a node raised that is no failure of a training.
        """
        finished, _ = wait(self.running, return_when=FIRST_COMPLETED)
        done: set[Node] = set()
        again: list[Node] = []
        for future in finished:
            node, process = self.running.pop(future), self._at_work.pop(future)
            self._idle.append(process)
            error = future.exception()
            if error is None:
                done.add(node)
                self._killed.discard(node)
                continue
            again.append(node)
            if not isinstance(error, BrokenProcessPool):
                self._fail(node, error, _reason(error))
                continue
            process.start_anew()
            if node in self._killed:
                self._fail(node, error, KILLED)
            else:
                logger.warning("%s; once more, alone: %s", KILLED, node.name)
                self._killed.add(node)
        return done, again

    def kill(self) -> None:
        """Stop what runs, at once."""
        for process in self._processes:
            process.kill()

    def _fail(self, node: Node, error: BaseException, reason: str) -> None:
        """Have the record of a failure made, where the node declares one."""
        if isinstance(error, StudyError) or not on_failure(node.func) or node in self._failed:
            raise error
        logger.error("%s failed: %s", node.name, reason)
        logger.debug("%s", node.name, exc_info=error)
        self._failed[node] = reason
        self._killed.discard(node)


class _Process:
    """Runs one node after another in a process, made for the first, and made anew if it is killed.

    A pool of several processes would lose all that is at work with one of them.
    """

    def __init__(self, context: BaseContext, threads: int) -> None:
        self._context, self._threads = context, threads

    def start(self) -> None:
        """Be ready to make the process."""
        # With its own queue: a process may be killed while it keeps others from writing.
        records: Any = self._context.Queue()
        self._listener = logging.handlers.QueueListener(records, _Relay())
        self._listener.start()
        self._pool = self._new_pool(records)

    def start_anew(self) -> None:
        """Leave a process that was killed, and its queue, which it may have locked."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.start()

    def run(self, node: Node, datasets: dict[str, Any]) -> Future[None]:
        """Run a node."""
        try:
            return self._pool.submit(worker.run, node, datasets)
        # The process has been killed while it had nothing to do, or the one that makes it.
        except (BrokenProcessPool, EOFError, ConnectionError):
            self.start_anew()
            return self._pool.submit(worker.run, node, datasets)

    def kill(self) -> None:
        """Stop what runs, at once."""
        for process in list((self._pool._processes or {}).values()):
            process.terminate()

    def stop(self) -> None:
        """End the process when it has nothing more to do."""
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(cancel_futures=True)
        if all(process.exitcode == 0 for process in processes):
            self._listener.stop()  # of one that was killed, the queue may be locked

    def _new_pool(self, records: Any) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1, self._context, initializer=worker.start, initargs=(records, self._threads)
        )


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
        f"{finished} of the {len(trainings)} trainings to be made are finished and kept; the same "
        "command with --only-missing-outputs goes on from there"
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


def _process_context() -> BaseContext:
    """How training processes are made.

    Forked from one process that has TensorFlow imported, they need not import it again, and share
    the memory that it takes: 300 MB each. Only Linux forks safely after such an import.
    """
    return multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


def _reason(error: BaseException) -> str:
    """The kind and the first line of what a node raised."""
    first_line = next(iter(str(error).splitlines()), "")
    kind = type(error).__name__
    return first_line if isinstance(error, worker.NodeError) else f"{kind}: {first_line}"


class _Relay(logging.Handler):
    """Gives a worker's record to this process's logger of the same name."""

    def emit(self, record: logging.LogRecord) -> None:
        own = logging.getLogger(record.name)
        if own.isEnabledFor(record.levelno):
            own.handle(record)
