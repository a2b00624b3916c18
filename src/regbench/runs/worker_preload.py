"""Imports of the worker processes, made once in the process that the others are forked from.

Only that process may import this module, which changes its signals and its memory.
"""

import gc
import importlib
import os
import signal
import sys
from types import TracebackType


def _show_unless_main_process_has_ended(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Show an error in starting a worker process, unless nobody waits for the process any more.

    The main process's pipes and semaphores end with it.
    """
    if not isinstance(error, EOFError | ConnectionError | FileNotFoundError):
        sys.__excepthook__(kind, error, trace)


signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
sys.excepthook = _show_unless_main_process_has_ended
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; threads do not survive a fork

from regbench.process.quiet import silent_stderr  # noqa: E402
from regbench.runs.worker import release_program_pages  # noqa: E402

# By name, as the runner depends on no node and no dataset; this only saves time.
with silent_stderr():
    for module in (
        "regbench.datasets.array_dataset",
        "regbench.datasets.atomic",
        "regbench.datasets.network_dataset",
        "regbench.evaluation.evaluate",
        "regbench.pipelines.training.nodes",
        "regbench.report.plots.confusion",
        "regbench.training.train",
    ):
        importlib.import_module(module)

gc.collect()
gc.freeze()  # later collections then skip what is imported, and do not unshare its memory
release_program_pages()
