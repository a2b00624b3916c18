"""Flips against NumPy's."""

import pytest
from pydantic import ValidationError
from tests.regularizers.batches import changed, random_images

from regbench.regularizers.flip import Flip


@pytest.mark.parametrize(
    ("settings", "kinds"),
    [
        (Flip(), [(1, 1), (1, -1)]),
        (Flip(horizontal=False, vertical=True), [(1, 1), (-1, 1)]),
        (Flip(vertical=True), [(1, 1), (1, -1), (-1, 1), (-1, -1)]),
    ],
)
def test_every_kind_is_as_likely(settings: Flip, kinds: list[tuple[int, int]]) -> None:
    images = random_images(1200, (5, 4, 3))
    found, _ = changed(settings, images)
    same = [
        (found == images[:, ::down, ::right]).all(axis=(1, 2, 3)).mean() for down, right in kinds
    ]
    assert sum(same) == pytest.approx(1)
    assert same == pytest.approx([1 / len(kinds)] * len(kinds), abs=0.05)


def test_no_direction_at_all_is_told() -> None:
    with pytest.raises(ValidationError, match="neither horizontal nor vertical"):
        Flip(horizontal=False)
