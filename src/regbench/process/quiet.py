"""What compiled libraries write to standard error past any logging, kept from the terminal."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Hide what is written to this process's standard error, by whatever thread.

    TensorFlow's C++ code tells there of missing GPUs, and of what its converters do; what went
    wrong it raises as an error besides.
    """
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
