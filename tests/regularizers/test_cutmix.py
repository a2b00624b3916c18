"""CutMix: rectangles of another image, and targets by the area pasted, to the pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.regularizers.batches import CLASSES, changed, random_images

from regbench.regularizers.cutmix import Cutmix


def levels(count: int, height: int, width: int) -> np.ndarray:
    """Images of one level each, that of their number: a pixel tells where it comes from."""
    return np.broadcast_to(
        np.arange(count, dtype=np.uint8)[:, None, None, None], (count, height, width, 1)
    ).copy()


@given(st.integers(1, 13), st.integers(1, 13), st.integers(0, 9999))
@settings(deadline=None, max_examples=15)
def test_targets_are_shares_of_pixels(height: int, width: int, seed: int) -> None:
    images, numbers = levels(CLASSES, height, width), np.arange(CLASSES, dtype=np.int32)
    found, targets = changed(Cutmix(probability=1), images, numbers, seed)
    shares = [[(image == level).mean() for level in range(CLASSES)] for image in found]
    np.testing.assert_allclose(targets, shares, atol=1e-6)


def test_what_is_pasted_is_one_rectangle_of_the_next_image_in_its_place() -> None:
    images = random_images(60, (11, 14, 3))
    found, targets = changed(Cutmix(probability=1), images)
    pasted = (found != images).any(axis=-1)
    others = np.roll(images, -1, axis=0)
    np.testing.assert_array_equal(found[pasted], others[pasted])
    for mask, own in zip(pasted, targets.max(axis=1), strict=True):
        if mask.any():
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
            assert own == pytest.approx(max(mask.mean(), 1 - mask.mean()), abs=1e-6)
    # With alpha 1 the share is uniform, its mean one half, and less is pasted at the edges.
    assert 0.2 < pasted.mean() < 0.5


def test_the_share_of_images_that_are_changed() -> None:
    found, targets = changed(Cutmix(probability=0.3, alpha=20), levels(200, 16, 16))
    same = (found == levels(200, 16, 16)).all(axis=(1, 2, 3))
    assert same.mean() == pytest.approx(0.7, abs=0.1)
    assert (targets[same].max(axis=1) == 1).all()
