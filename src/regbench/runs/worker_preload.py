"""What training processes import: once, where they are all forked from one that has it.

Only they import this module; it changes its process.
"""

import gc
import importlib
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; threads do not survive a fork

from regbench.runs.worker import let_go_of_code, silent_stderr  # noqa: E402

# By name: the runner depends on no node and no dataset, this only saves their processes time.
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
gc.freeze()  # what is imported stays: later collections need not look at it, or write to it
let_go_of_code()
