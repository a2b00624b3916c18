"""The training processes' side of the runner.

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
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from kedro.framework.hooks.manager import _create_hook_manager  # noqa: PLC2701
from kedro.io import DataCatalog
from kedro.pipeline.node import Node
from kedro.runner.task import Task

from regbench.errors import explanation


class NodeError(RuntimeError):
    """What a node raised, in words.

    What ``multiprocessing`` sends between our own processes it pickles, and an error of any class
    may not survive that; one with a text as its only argument does.
    """


PRELOADED = f"{__package__}.worker_preload"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # from malloc.h


def start(records: Any, threads: int) -> None:
    """Prepare a process for training.

    Args:
        records: A queue for log records.
        threads: How many TensorFlow may use.
    """
    threading.Thread(target=_end_with_main_process, daemon=True).start()
    root = logging.getLogger()
    root.handlers = [logging.handlers.QueueHandler(records)]
    logging.getLogger("regbench").setLevel(logging.INFO)
    _keep_freed_memory(threads)
    os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = str(threads)
    importlib.import_module(PRELOADED)
    with silent_stderr():
        importlib.import_module("regbench.training.tensorflow_setup").set_up_tensorflow()


def run(node: Node, datasets: dict[str, Any]) -> None:
    """Run a node with its own datasets.

    Raises:
        StudyError: What explains what the node raised.
        NodeError: The node raised something else.
    """
    try:
        Task(node, DataCatalog(datasets), False, _create_hook_manager()).execute()
    except Exception as error:
        # An error loses its cause on the way to the main process: send what explains it.
        raise explanation(error) or NodeError(f"{type(error).__name__}: {error}") from error
    finally:
        gc.collect()  # a network refers to itself: without this, it stays for a while
        return_freed_memory()
        _remove_generated_code()


def _remove_generated_code() -> None:
    """Remove the files of what TensorFlow's AutoGraph has generated, and this process imported.

    AutoGraph removes them when Python ends, which a training process does without its ceremony.
    """
    for name, module in list(sys.modules.items()):
        if name.startswith("__autograph_generated_file"):
            Path(str(module.__file__)).unlink(missing_ok=True)


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Hide what TensorFlow's C++ part writes about missing GPUs, past any logging."""
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _end_with_main_process() -> None:
    """Stop when the main process is gone, however it went: nobody waits for the training."""
    main = multiprocessing.parent_process()
    if main is not None:
        main.join()
        os._exit(1)


@cache
def _c_library() -> Any:
    return ctypes.CDLL(None) if os.name == "posix" else None


def _keep_freed_memory(threads: int) -> None:
    """Stop glibc from returning each step's tensors to the kernel only to ask for them again.

    A tenth of a training step's time; other C libraries have no such call and need none.
    """
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt:
        mallopt(_M_ARENA_MAX, threads)  # each keeps its own
        mallopt(_M_MMAP_THRESHOLD, 32 << 20)  # the largest that glibc takes
        mallopt(_M_TRIM_THRESHOLD, 1 << 30)


def let_go_of_code() -> None:
    """Have the system forget which parts of program files are in this process' memory.

    Importing TensorFlow touches 500 MB of its libraries, training 100 MB of them. Nothing is lost:
    they are in the files, and come back when they are needed. Linux only; elsewhere nothing
    happens.
    """
    maps = Path("/proc/self/maps")
    if not maps.exists():
        return
    madvise = _c_library().madvise
    madvise.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    for line in maps.read_text().splitlines():
        addresses, rights, offset, _, inode = line.split()[:5]
        # Code, and what a library begins with: what is as it is in the file, whoever loaded it.
        if inode != "0" and (rights == "r-xp" or (rights == "r--p" and not int(offset, 16))):
            start, end = (int(address, 16) for address in addresses.split("-"))
            madvise(start, end - start, mmap.MADV_DONTNEED)


def return_freed_memory() -> None:
    """Between two runs, do return it: several processes share the machine's memory."""
    malloc_trim = getattr(_c_library(), "malloc_trim", None)
    if malloc_trim:
        malloc_trim(0)
