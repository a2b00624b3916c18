"""The one line that says how a training failed."""

import pytest

from regbench.runs.endings import KILLED, how_a_process_ended, reason_of
from regbench.runs.worker import NodeError


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no such luck\nand more", "RuntimeError: no such luck"),
        ("", "RuntimeError: "),
        (
            'in user code:\n\n    File "/a/step.py", line 53, in step  *\n        x = y\n\n'
            "    TypeError: Tensors in list have types [float16, float32]\n",
            "TypeError: Tensors in list have types [float16, float32]",
        ),
        (
            "Exception encountered when calling Dense.call().\n\n"
            "Matrix size-incompatible: [3,4]\n\n"
            "Arguments received by Dense.call():\n  • inputs=tf.Tensor(shape=(3, 4))\n",
            "Matrix size-incompatible: [3,4]",
        ),
        (
            "Graph execution error:\n\n"
            "Detected at node MatMul defined at (most recent call last):\n"
            "<stack traces unavailable>\nIn[0] mismatch In[1] shape: 5 vs. 4: [3,5] [4,2]\n"
            "\t [[{{node MatMul}}]] [Op:__inference_step_1]",
            "In[0] mismatch In[1] shape: 5 vs. 4: [3,5] [4,2]",
        ),
    ],
)
def test_the_reason_of_a_failure_is_the_line_that_says_what_is_wrong(
    text: str, reason: str
) -> None:
    assert reason_of(RuntimeError(text)) == reason


def test_the_type_is_said_once() -> None:
    assert reason_of(NodeError("ValueError: odd\nmore")) == "ValueError: odd"
    for error in (ValueError("in user code:"), NodeError("ValueError: in user code:")):
        assert reason_of(error) == "ValueError"  # nothing else is known


@pytest.mark.parametrize(
    ("exit_code", "said"),
    [
        (-9, KILLED),
        (None, KILLED),
        (-11, "a training process was ended by SIGSEGV"),
        (-15, "a training process was ended by SIGTERM"),
        (3, "a training process ended by itself, with exit code 3"),
    ],
)
def test_want_of_memory_is_named_only_where_it_may_be(exit_code: int | None, said: str) -> None:
    assert how_a_process_ended(exit_code) == said
