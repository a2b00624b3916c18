"""What the runner's worker processes do: set up TensorFlow, run nodes, return memory.

Importing this module imports no TensorFlow; ``worker_preload`` does.
"""

import ctypes
import gc
import importlib
import logging
import logging.handlers
import mmap
import multiprocessing
import os
import sys
import tempfile
import threading
from functools import cache
from pathlib import Path
from typing import Any

from kedro.framework.hooks.manager import _create_hook_manager  # noqa: PLC2701
from kedro.io import DataCatalog
from kedro.pipeline.node import Node
from kedro.runner.task import Task

from regbench.errors import explanation, raise_explained
from regbench.process import devices, presence
from regbench.process.quiet import silent_stderr


class NodeError(RuntimeError):
    """An error that a node raised, as text.

    ``multiprocessing`` pickles what it sends between processes. An error of any class may not
    survive that; one with a text as its only argument does.
    """


PRELOADED = f"{__package__}.worker_preload"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # from malloc.h


_fault_of_start: Exception | None = None  # the first node raises it: an initializer cannot


def start_process(
    records: Any,
    threads: int,
    gpu: str | None,
    temporary: str,
    trainings: int = 1,
    results: tuple[Path, Path] | None = None,
) -> None:
    """Set up logging, memory and TensorFlow in a new worker process.

    Args:
        records: The queue for log records.
        threads: The number of threads for TensorFlow.
        gpu: The GPU for TensorFlow, as ``CUDA_VISIBLE_DEVICES`` names it; None: as it finds them.
        temporary: The folder for temporary files; the main process removes it when it ends.
        trainings: How many run at once, in this process and others.
        results: The arguments of ``presence.watch``, if results are on this machine.
    """
    if results:
        presence.watch(*results)
    global _fault_of_start  # noqa: PLW0603
    devices.share_among(trainings)
    try:
        _set_up(records, threads, gpu, temporary)
    except Exception as error:
        _fault_of_start = error


def _set_up(records: Any, threads: int, gpu: str | None, temporary: str) -> None:
    threading.Thread(target=_end_with_main_process, daemon=True).start()
    root = logging.getLogger()
    root.handlers = [logging.handlers.QueueHandler(records)]
    logging.getLogger("regbench").setLevel(logging.INFO)
    _keep_freed_memory(threads)
    tempfile.tempdir = temporary
    if gpu is not None:  # TensorFlow is imported, but has not looked for devices yet
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    importlib.import_module(PRELOADED)
    with silent_stderr():
        importlib.import_module("regbench.training.tensorflow_setup").set_up_tensorflow()


def run_node(node: Node, datasets: dict[str, Any]) -> None:
    """Run a node with its own datasets.

    Raises:
        StudyError: The node raised an error that the user can put right.
        NodeError: The node raised another error.
    """
    try:
        if _fault_of_start:
            raise_explained(_fault_of_start)
        Task(node, DataCatalog(datasets), False, _create_hook_manager()).execute()
    except Exception as error:
        # An error loses its cause on the way to the main process: send what explains it.
        explained = explanation(error)
        if explained is error:
            raise
        raise explained or NodeError(f"{type(error).__name__}: {error}") from error
    finally:
        gc.collect()  # a network refers to itself: without this, it stays for a while
        return_freed_memory()
        _remove_generated_code()


def _remove_generated_code() -> None:
    """Remove the temporary modules that TensorFlow's AutoGraph wrote and this process imported.

    AutoGraph removes them in an ``atexit`` function, which worker processes do not call.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("__autograph_generated_file"):
            Path(str(module.__file__)).unlink(missing_ok=True)


def _end_with_main_process() -> None:
    """Exit when the main process has ended, even by a signal: nobody waits for the training."""
    main = multiprocessing.parent_process()
    if main is not None:
        main.join()
        os._exit(1)


@cache
def _c_library() -> Any:
    return ctypes.CDLL(None) if os.name == "posix" else None


def _keep_freed_memory(threads: int) -> None:
    """Keep glibc from returning each step's tensors to the kernel only to ask for them again.

    That saves a tenth of a training step's time. Other C libraries lack the call and need none.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt:
        mallopt(_M_ARENA_MAX, threads)  # each keeps its own
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the largest that glibc takes
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def release_program_pages() -> None:
    """Release the memory pages that hold unchanged parts of program files.

    Importing TensorFlow touches 500 MB of its libraries, training only 100 MB of them. The kernel
    reads a page again from its file when it is needed. Does nothing except on Linux.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    madvise = _c_library().madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for line in maps.read_text().splitlines():
        addresses, rights, offset, _, inode = line.split()[:5]
        # Code and the headers of libraries, which are never written to.
        if inode != "0" and (rights == "r-xp" or (rights == "r--p" and not int(offset, 16))):
            start, end = (int(address, 16) for address in addresses.split("-"))
            madvise(start, end - start, mmap.MADV_DONTNEED)


def return_freed_memory() -> None:
    """Return the memory that glibc keeps to the kernel: other processes may need it."""
    malloc_trim = getattr(_c_library(), "malloc_trim", None)
    if malloc_trim:
        malloc_trim(0)
