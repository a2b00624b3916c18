"""Kedro runner that trains several networks in parallel, each in a process of its own.

Two trainings on one core each are faster than one training on two cores, and TensorFlow stays
out of the main process. Data and report nodes run in the main process, one after another, while
the training processes import TensorFlow.
"""

import logging
import logging.handlers
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from functools import cache, partial
from multiprocessing import forkserver, resource_tracker, util
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Self

from kedro.framework.hooks.manager import _create_hook_manager  # noqa: PLC2701
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline
from kedro.pipeline.node import Node
from kedro.runner import AbstractRunner
from kedro.runner.task import Task
from pluggy import PluginManager

from regbench.errors import StudyError, stopped
from regbench.process import devices, presence, signals
from regbench.runs import worker
from regbench.runs.endings import KILLED, how_a_process_ended, reason_of
from regbench.runs.how_far import progress_message, trainings_of
from regbench.training.if_needed import ends_at_once
from regbench.training.on_failure import on_failure

logger = logging.getLogger(__name__)

WORKER_TAG = "tensorflow"  # nodes with this tag run in worker processes
_SECONDS_FOR_EXIT_CODE = 10.0
_SECONDS_TO_END = 30.0  # of an idle process: it only has to collect its garbage
_UNKNOWN_EXIT_CODE = 255  # multiprocessing's, where the server process died first


class StudyRunner(AbstractRunner):
    """Runs the nodes tagged ``tensorflow`` in worker processes and all others in this one."""

    def __init__(self, max_workers: int | None = None, is_async: bool = False) -> None:
        """Set how many trainings run in parallel.

        Args:
            max_workers: The most training processes; default: one per GPU, or one per core.
            is_async: Kedro's option to load and save in threads; must be False, as the datasets
                of one node are small.

        Raises:
            ValueError: ``max_workers`` is not positive.
        """
        super().__init__(is_async=is_async)
        self._max_workers = self._validate_max_workers(
            devices.training_processes() if max_workers is None else max_workers
        )

    def _get_executor(self, max_workers: int) -> Executor | None:
        return None  # the pool is made in _run, with its log queue

    def _log_filtering_results(
        self, original_node_count: int, filtered_pipeline: Pipeline, all_nodes: list[Node]
    ) -> None:
        """Log in a short line what is left to run; Kedro names every node that is skipped."""
        if len(filtered_pipeline.nodes) < original_node_count:
            logger.info(
                "%d of %d nodes are run; what the others make is there and up to date",
                len(filtered_pipeline.nodes),
                original_node_count,
            )

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
        at_once = cache(lambda node: ends_at_once(node.func, node._inputs, catalog.load))
        workers = _Workers(
            min(self._max_workers, sum(WORKER_TAG in node.tags for node in waiting)),
            # Threads change rounding errors, so their number must not depend on what is to be run.
            threads=max(1, devices.cores() // self._max_workers),
            trainings=max(1, min(self._max_workers, len(trainings_of(pipeline)))),
        )
        with workers:
            try:
                while waiting or workers.running:
                    ready = [node for node in waiting if depends_on[node] <= done]
                    for node in sorted(ready, key=partial(_priority, depends_on)):
                        if WORKER_TAG not in node.tags or at_once(node):
                            waiting.remove(node)
                            Task(node, catalog, False, hooks, run_id).execute()
                            worker.return_freed_memory()
                            done.add(node)
                            break  # it may have made others ready
                        if workers.start_node(node, catalog):
                            waiting.remove(node)
                    else:
                        finished, to_repeat = workers.wait_for_a_node()
                        done |= finished
                        waiting += to_repeat
            except KeyboardInterrupt as stop:
                workers.kill()
                raise stopped(stop, progress_message(pipeline, done)) from None
            except BrokenProcessPool as error:
                raise StudyError(
                    f"{workers.how_it_ended}. {progress_message(pipeline, done)}"
                ) from error


class _Workers:
    """The worker processes, and the nodes that run in them.

    If a node raises an error, the record of its failure takes the place of its outputs. If its
    process is killed, the node is repeated without others in parallel, as memory may have been
    short; if the process is killed again, the node has failed. The other nodes go on.
    """

    def __init__(self, processes: int, threads: int, trainings: int = 1) -> None:
        self.running: dict[Future[None], Node] = {}
        self._context = _process_context()
        self._processes = [
            _Worker(self._context, threads, devices.gpu_of_process(number), trainings)
            for number in range(processes)
        ]
        self.how_it_ended = KILLED  # the last process that ended while a node ran in it
        self._idle = list(self._processes)
        self._busy: dict[Future[None], _Worker] = {}
        self._killed: set[Node] = set()  # to be repeated alone
        self._failed: dict[Node, str] = {}  # with the reason

    def __enter__(self) -> Self:
        signals.at_the_end(self.kill)
        with signals.uninterrupted():
            resource_tracker.ensure_running()  # multiprocessing's; it unblocks SIGINT again
        with signals.uninterrupted():
            if self._processes and self._context.get_start_method() == "forkserver":
                _start_server()  # imports while the data nodes run
            for process in self._processes:
                process.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Also where the interruption has become another error; and nothing more can be stored.
        if signals.received() or presence.problem():
            self.kill()
        busy = set(self._busy.values())
        for process in self._processes:
            process.stop(is_idle=process not in busy)

    def start_node(self, node: Node, catalog: CatalogProtocol[Any, Any]) -> bool:
        """Start a node in an idle process; return False if it has to wait."""
        if self._killed and (self.running or node not in self._killed):
            return False
        if not self._idle:
            return False
        replacement = on_failure(node.func) if node in self._failed else None
        if replacement:
            node_to_run = node._copy(func=partial(replacement, self._failed[node]))
        else:
            node_to_run = node
        datasets = _datasets_of(node_to_run, catalog)
        process = self._idle.pop()
        future = process.run(node_to_run, datasets)
        self._busy[future] = process
        self.running[future] = node
        return True

    def wait_for_a_node(self) -> tuple[set[Node], list[Node]]:
        """Wait until a node has ended; return the nodes that are done and those to repeat.

        Raises:
            Exception: A node raised an error that does not count as a failed training.
        """
        finished, _ = wait(self.running, return_when=FIRST_COMPLETED)
        done: set[Node] = set()
        to_repeat: list[Node] = []
        for future in finished:
            node, process = self.running.pop(future), self._busy.pop(future)
            self._idle.append(process)
            error = future.exception()
            if error is None:
                done.add(node)
                self._killed.discard(node)
                continue
            to_repeat.append(node)
            if not isinstance(error, BrokenProcessPool):
                self._note_failure(node, error, reason_of(error))
                continue
            self.how_it_ended = how_a_process_ended(process.exit_code())
            process.restart()
            if node in self._killed:
                self._note_failure(node, error, self.how_it_ended)
            else:
                logger.warning("%s; once more, alone: %s", self.how_it_ended, node.name)
                self._killed.add(node)
        return done, to_repeat

    def kill(self) -> None:
        """End all processes at once; what they leave half written is removed with the lock.

        The server that they are forked from may still be at its imports: it ends, too.
        """
        server = getattr(forkserver._forkserver, "_forkserver_pid", None)
        if server is not None:
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        for process in self._processes:
            process.kill()

    def _note_failure(self, node: Node, error: BaseException, reason: str) -> None:
        """Note that a node has failed; repeated, it then makes the record of its failure.

        Raises:
            BaseException: ``error``, if the node declares no such record, or making it failed, or
                the user can put the cause right.
        """
        if isinstance(error, StudyError) or not on_failure(node.func) or node in self._failed:
            raise error
        logger.error("%s failed: %s", node.name, reason)
        logger.debug("%s", node.name, exc_info=error)
        self._failed[node] = reason
        self._killed.discard(node)


class _Worker:
    """A worker process that runs one node after another, and is replaced if it is killed.

    It is a pool of one process: in a pool of several, one that is killed ends them all.
    """

    def __init__(self, context: BaseContext, threads: int, gpu: str | None, trainings: int) -> None:
        self._context, self._threads, self._gpu = context, threads, gpu
        self._trainings = trainings
        self._pool: ProcessPoolExecutor | None = None
        self._last: list[BaseProcess] = []  # the process that ran the last node

    def start(self) -> None:
        """Make the pool, which starts its process with the first node."""
        # With its own queue of log records: a process that is killed may leave its queue locked.
        records: Any = self._context.Queue()
        self._listener = logging.handlers.QueueListener(records, _WorkerLogHandler())
        self._listener.start()
        self._pool = self._new_pool(records)

    def restart(self) -> None:
        """Replace a process that was killed, and its queue."""
        self._open_pool().shutdown(wait=False, cancel_futures=True)
        self.start()

    def run(self, node: Node, datasets: dict[str, Any]) -> Future[None]:
        """Start a node with its own datasets; the result is that it has ended."""
        try:
            return self._submit(node, datasets)
        # The idle process was killed, or the server process that forks it.
        except (BrokenProcessPool, EOFError, ConnectionError):
            self.restart()
            return self._submit(node, datasets)

    def _submit(self, node: Node, datasets: dict[str, Any]) -> Future[None]:
        # Forking waits for the server's imports; a fresh interpreter is there at once, and until
        # its own code runs, Ctrl-C would make it show a stack trace.
        is_forked = self._context.get_start_method() == "forkserver"
        with nullcontext() if is_forked else signals.uninterrupted():
            future = self._open_pool().submit(worker.run_node, node, datasets)
        self._last = self._living()
        return future

    def exit_code(self) -> int | None:
        """Return the exit code of an ended process: negative for a signal, None if unknown."""
        # The code can be read once, and the pool's thread reads it, too: first one, then the other.
        reads_it_too: Any = self._open_pool()._executor_manager_thread
        if reads_it_too:
            reads_it_too.join(_SECONDS_FOR_EXIT_CODE)
        for process in self._last:
            process.join(_SECONDS_FOR_EXIT_CODE)
            if process.exitcode != _UNKNOWN_EXIT_CODE:
                return process.exitcode
        return None

    def kill(self) -> None:
        """End the process at once."""
        for process in self._living():
            process.kill()

    def stop(self, *, is_idle: bool) -> None:
        """End the process after its present node; kill an idle one that does not end."""
        if self._pool is None:
            return
        processes = self._living()
        late = threading.Timer(_SECONDS_TO_END, self.kill)
        late.daemon = True
        if is_idle:
            late.start()
        self._pool.shutdown(cancel_futures=True)
        late.cancel()
        if all(process.exitcode == 0 for process in processes):
            self._listener.stop()  # it would wait for ever for a queue left locked

    def _new_pool(self, records: Any) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            1,
            self._context,
            initializer=worker.start_process,
            initargs=(
                records,
                self._threads,
                self._gpu,
                util.get_temp_dir(),
                self._trainings,
                presence.watched(),
            ),
        )

    def _living(self) -> list[BaseProcess]:
        return list((self._pool._processes or {}).values()) if self._pool else []

    def _open_pool(self) -> ProcessPoolExecutor:
        if self._pool is None:
            raise RuntimeError("the process was not started")
        return self._pool


def _start_server() -> None:
    """Start the process that training processes are forked from.

    Raises:
        StudyError: Its socket cannot be made in the folder for temporary files.
    """
    forkserver.set_forkserver_preload([worker.PRELOADED])
    try:
        forkserver.ensure_running()
    except OSError as error:  # "AF_UNIX path too long", or no such folder
        raise StudyError(
            f"{tempfile.gettempdir()}: training processes cannot be started from this folder for "
            f"temporary files: {error}; TMPDIR names another, with a short path"
        ) from error


def _priority(depends_on: dict[Node, set[Node]], node: Node) -> tuple[bool, bool]:
    """Return the sorting key of a node that is ready; the smallest runs first.

    First come nodes of the main process, then those that continue a training, such as its
    evaluation, then those that start one.
    """
    starts_training = not any(WORKER_TAG in earlier.tags for earlier in depends_on[node])
    return WORKER_TAG in node.tags, starts_training


def _datasets_of(node: Node, catalog: CatalogProtocol[Any, Any]) -> dict[str, Any]:
    """Return a node's own datasets: the whole catalog is too large to send to a process.

    Raises:
        StudyError: An output is not stored, so this process would not get it back.
    """
    datasets = {name: catalog.get(name) for name in (*node.inputs, *node.outputs)}
    for name in node.outputs:
        if getattr(datasets[name], "_EPHEMERAL", False):
            raise StudyError(
                f"{name} has no entry in the catalog, and what a training makes must be stored"
            )
    return datasets


def _process_context() -> BaseContext:
    """Return how worker processes are started.

    Forked from one process that has TensorFlow imported, they need not import it again, and share
    the memory that it takes: 300 MB each. Only Linux forks safely after such an import.
    """
    return multiprocessing.get_context("forkserver" if sys.platform == "linux" else "spawn")


class _WorkerLogHandler(logging.Handler):
    """Passes a worker's log record to this process's logger of the same name."""

    def emit(self, record: logging.LogRecord) -> None:
        own = logging.getLogger(record.name)
        if own.isEnabledFor(record.levelno):
            own.handle(record)
