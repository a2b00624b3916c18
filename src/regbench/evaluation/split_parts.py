"""The split parts: train, validation and test."""

from collections.abc import Container


def judged_part(figures: Container[str]) -> str:
    """Return the split part that figures and verdicts are of: test, or validation without a test.

    Args:
        figures: Names of split parts, or of figures such as ``test_accuracy``.
    """
    return "test" if "test" in figures or "test_accuracy" in figures else "validation"


SPLIT_PARTS = ("train", "validation", "test")
