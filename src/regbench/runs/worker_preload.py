"""What training processes import: once, where they are all forked from one that has it.

Only they import this module; it changes its process.
"""

import gc
import os
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides what Ctrl-C means
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # NumPy's; threads do not survive a fork

from regbench.runs.worker import let_go_of_code, silent_stderr  # noqa: E402

with silent_stderr():
    import regbench.datasets.array_dataset
    import regbench.datasets.atomic
    import regbench.datasets.network_dataset
    import regbench.evaluation.evaluate
    import regbench.pipelines.training.nodes
    import regbench.report.plots.confusion
    import regbench.runs.progress_display
    import regbench.training.train  # noqa: F401

gc.collect()
gc.freeze()  # what is imported stays: later collections need not look at it, or write to it
let_go_of_code()
