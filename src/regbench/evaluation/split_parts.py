"""The parts of a split: train, validation and test."""

from collections.abc import Container


def judged_part(figures: Container[str]) -> str:
    """The part that a study is judged on: test, or validation where there is no test.

    Args:
        figures: Names of parts, or of figures such as ``test_accuracy``.
    """
    return "test" if "test" in figures or "test_accuracy" in figures else "validation"


SPLIT_PARTS = ("train", "validation", "test")
