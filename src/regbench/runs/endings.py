"""How a training failed, in one line: the error of a node, or the end of its process."""

import itertools
import re
import signal

from regbench.runs.worker import NodeError

KILLED = (
    "a training process was killed, perhaps for want of memory; "
    "--runner-params=max_workers=1 takes less"
)

# How TensorFlow and Keras begin an error that they pass on.
_BEGINS_WITH_THE_PLACE = re.compile(
    r"in user code:|Graph execution error|Exception encountered when calling"
)
_ARGUMENTS = re.compile(r"(Arguments|Call arguments) received by|Original stack trace")
_PLACE = re.compile(
    r"File \"|\[\[|Detected at node|<stack traces|Stack trace|[\^~]+$|\d+ root error|\(\d+\) "
)
_NODE = re.compile(r"\s*(\[\[?\{\{node .*|\[Op:\S+\].*)$")


def how_a_process_ended(exit_code: int | None) -> str:
    """Return how a training process ended while a node ran in it."""
    if exit_code in (None, -getattr(signal, "SIGKILL", 9)):
        return KILLED
    if exit_code < 0:
        return f"a training process was ended by {signal.Signals(-exit_code).name}"
    return f"a training process ended by itself, with exit code {exit_code}"


def reason_of(error: BaseException) -> str:
    """Return the type of the error that a node raised, and the line that says what is wrong.

    That is the first line, but for errors of TensorFlow and Keras that begin with where they arose:
    there it is the last that is neither a place in a program nor a list of arguments.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    line = lines[0]
    kind = line.partition(":")[0] if isinstance(error, NodeError) else type(error).__name__
    if _BEGINS_WITH_THE_PLACE.search(line):
        told = list(itertools.takewhile(lambda each: not _ARGUMENTS.match(each), lines[1:]))
        line = next((each for each in reversed(told) if not _PLACE.match(each)), kind)
        return _NODE.sub("", line)
    return line if isinstance(error, NodeError) else f"{kind}: {line}"
