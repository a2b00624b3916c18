"""Test images made worse in eight ways: does a network still recognize what it saw clean?

The kinds and their order of strength follow MNIST-C (Mu and Gilmer, MNIST-C: A Robustness
Benchmark for Computer Vision, 2019), here for images of any size: every length is a share of the
side. What moves in from outside repeats the image's border: black for digits on black, and no
black corners in photos.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd

# MNIST-C's own strengths in brackets, where they differ; lengths there are pixels of 28.
_PHOTONS = 3  # of a white pixel
_IMPULSES = 0.17  # share of the values that turn black or white
_BLUR = 2 / 28  # standard deviation of the Gaussian
_ROTATION = np.deg2rad(30.0)  # [23 degrees]
_SCALE = 0.7
_SHEAR = 0.4  # pixels sideways for each pixel up
_TRANSLATION = 2 / 28  # along both sides [3 / 28: a network trained on centred digits then guesses]
_STRIPE = 3 / 28  # width of each of the two [7 / 28: the same]

_VALUES_A_CHUNK = 2**22  # bounds memory: 16 MB for each float32 copy

Generators = Iterator[np.random.Generator]
Corruption = Callable[[np.ndarray, Generators], np.ndarray]


def corrupt(images: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Corrupt every image.

    An image's random numbers come from the seed, the corruption and the image's own pixels: it
    is corrupted alike wherever it stands and whatever it is corrupted together with.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        name: One of ``CORRUPTIONS``.
        seed: Not negative.

    Returns:
        N x H x W x C, uint8.

    Raises:
        KeyError: No corruption has this name.
    """
    corruption = CORRUPTIONS[name]
    corrupted = np.empty(images.shape, dtype=np.uint8)
    step = max(1, _VALUES_A_CHUNK // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(images), step):
        chunk = np.ascontiguousarray(images[start : start + step])
        changed = corruption(chunk, _generators(chunk, name, seed))
        corrupted[start : start + step] = np.rint(changed).clip(0, 255)
    return corrupted


def robustness_rows(split_index: pd.DataFrame, part: str, most: int) -> np.ndarray:
    """Choose the images of a part to corrupt, always the same ones.

    Args:
        split_index: A row per image: target, split.
        part: ``train``, ``validation`` or ``test``.
        most: How many at most; each class keeps its share of them, to within one image.

    Returns:
        Rows, int, ascending: all of the part if it has no more than ``most``.
    """
    rows = np.flatnonzero(split_index["split"] == part)
    if len(rows) <= most:
        return rows
    shuffled = pd.Series(split_index["target"].to_numpy()[rows]).sample(frac=1, random_state=0)
    shares = shuffled.value_counts().sort_index() * (most / len(rows))
    wanted = shares.astype(int)
    # What rounding down has left goes to the classes that lost most by it.
    largest_rest = (wanted - shares).sort_values(kind="stable").index
    wanted[largest_rest[: most - wanted.sum()]] += 1
    chosen = shuffled.groupby(shuffled).cumcount() < shuffled.map(wanted)
    return np.sort(rows[chosen.index[chosen]])


def _generators(images: np.ndarray, name: str, seed: int) -> Generators:
    key = f"{name} {seed}".encode()
    for image in images:
        digest = hashlib.blake2b(image, digest_size=16, key=key).digest()
        yield np.random.default_rng(int.from_bytes(digest, "little"))


def _shot_noise(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Few photons: a pixel is as bright as the few that happened to arrive."""
    expected = images * (_PHOTONS / 255)
    arrived = [draw.poisson(image) for draw, image in zip(generators, expected, strict=False)]
    return np.stack(arrived) * (255 / _PHOTONS)


def _impulse_noise(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Salt and pepper: some values turn black, as many white."""
    draws = np.stack(
        [
            draw.random(image.shape, dtype=np.float32)
            for draw, image in zip(generators, images, strict=False)
        ]
    )
    peppered = np.where(draws < _IMPULSES / 2, 0, images)
    return np.where(draws >= 1 - _IMPULSES / 2, 255, peppered)


def _blur(images: np.ndarray, _: Generators) -> np.ndarray:
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - slow to import

    height, width = images.shape[1:3]
    sigma = (0, _BLUR * height, _BLUR * width, 0)
    return gaussian_filter(images.astype(np.float32), sigma, mode="nearest")


def _rotate(images: np.ndarray, generators: Generators) -> np.ndarray:
    """About the middle, clockwise or counterclockwise."""
    cos, sin = np.cos(_ROTATION), np.sin(_ROTATION)
    return _one_of_two(images, generators, [[cos, -sin], [sin, cos]], [[cos, sin], [-sin, cos]])


def _scale(images: np.ndarray, _: Generators) -> np.ndarray:
    """Smaller, in the middle."""
    return _resample(images, [[1 / _SCALE, 0], [0, 1 / _SCALE]])


def _shear(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Slanted to the left or to the right."""
    return _one_of_two(images, generators, [[1, 0], [_SHEAR, 1]], [[1, 0], [-_SHEAR, 1]])


def _translate(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Towards one of the four corners, by whole pixels."""
    height, width = images.shape[1:3]
    down, right = round(_TRANSLATION * height), round(_TRANSLATION * width)
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")
    moved = np.empty_like(images)
    for number, draw in zip(range(len(images)), generators, strict=False):
        top, left = 2 * draw.integers(0, 2, 2) * (down, right)
        moved[number] = padded[number, top : top + height, left : left + width]
    return moved


def _stripe(images: np.ndarray, _: Generators) -> np.ndarray:
    """The left and the right edge as a negative."""
    width = round(_STRIPE * images.shape[2])
    striped = images.copy()
    for stripe in (striped[:, :, :width], striped[:, :, images.shape[2] - width :]):
        np.subtract(255, stripe, out=stripe)
    return striped


CORRUPTIONS: Mapping[str, Corruption] = {
    "shot_noise": _shot_noise,
    "impulse_noise": _impulse_noise,
    "blur": _blur,
    "rotate": _rotate,
    "scale": _scale,
    "shear": _shear,
    "translate": _translate,
    "stripe": _stripe,
}

Matrix = list[list[float]]


def _one_of_two(
    images: np.ndarray, generators: Generators, one: Matrix, other: Matrix
) -> np.ndarray:
    """Resample every image by one of two matrices, drawn evenly."""
    drawn = np.array([draw.random() < 0.5 for draw in generators])
    changed = np.empty(images.shape, dtype=np.float32)
    changed[drawn] = _resample(images[drawn], one)
    changed[~drawn] = _resample(images[~drawn], other)
    return changed


def _resample(images: np.ndarray, matrix: Matrix) -> np.ndarray:
    """Apply one linear map to all images, bilinearly, the border repeated outside.

    Args:
        images: N x H x W x C, uint8.
        matrix: 2 x 2, from a new pixel's (row, column) to the original's, both from the middle.

    Returns:
        N x H x W x C, float32.
    """
    last = np.array(images.shape[1:3]) - 1
    middle = last[:, None, None] / 2
    target = np.indices(images.shape[1:3]) - middle
    source = (np.tensordot(np.asarray(matrix), target, axes=1) + middle).clip(
        0, last[:, None, None]
    )
    row, column = source.astype(int)  # not negative: truncation is floor
    below, beside = np.minimum(row + 1, last[0]), np.minimum(column + 1, last[1])
    down, right = (source - (row, column)).astype(np.float32)[..., None]
    upper = images[:, row, column] * (1 - right) + images[:, row, beside] * right
    lower = images[:, below, column] * (1 - right) + images[:, below, beside] * right
    resampled: np.ndarray = upper * (1 - down) + lower * down
    return resampled
