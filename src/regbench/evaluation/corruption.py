"""Eight corruptions of images, to measure a network's robustness.

The kinds and approximate strengths are those of MNIST-C (Mu and Gilmer, MNIST-C: A Robustness
Benchmark for Computer Vision, 2019), here for images of any size: every length is a share of the
side. Pixels from outside repeat the image's border: black for digits on black, and no black
corners in photos.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from regbench.evaluation.resampling import fitted_of_seed

# MNIST-C's own strengths in brackets, where they differ; its lengths are pixels of 28.
_PHOTONS = 3  # expected for a white pixel
_IMPULSES = 0.17  # share of values that become black or white
_BLUR = 2 / 28  # standard deviation of the Gaussian
_ROTATION = np.deg2rad(30.0)  # [23 degrees]
_SCALE = 0.7
_SHEAR = 0.4  # pixels sideways for each pixel up
_TRANSLATION = 2 / 28  # along both axes [3 / 28: accuracy on centred digits falls to chance]
_STRIPE = 3 / 28  # width of each of the two [7 / 28: the same]

_VALUES_A_CHUNK = 2**22  # bounds memory: 16 MB per float32 copy

Generators = Iterator[np.random.Generator]
Corruption = Callable[[np.ndarray, Generators], np.ndarray]


def corrupt(images: np.ndarray, name: str, seed: int) -> np.ndarray:
    """Return corrupted images.

    An image's random numbers depend on the seed, the corruption and its own pixels only, not on
    its place among the others.

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
    """Return the rows of a split part's images to corrupt: a stratified sample, always the same.

    Args:
        split_index: A row per image: target, split.
        part: ``train``, ``validation`` or ``test``.
        most: The most images; each class keeps its share of them, to within one image.

    Returns:
        Rows, int, ascending: all of the split part if it has no more than ``most``.
    """
    rows = np.flatnonzero(split_index["split"] == part)
    if len(rows) <= most:
        return rows
    shuffled = pd.Series(split_index["target"].to_numpy()[rows]).sample(frac=1, random_state=0)
    shares = shuffled.value_counts().sort_index() * (most / len(rows))
    wanted = shares.astype(int)
    # Largest remainders: the images left by rounding down go to the classes that lost most.
    largest_rest = (wanted - shares).sort_values(kind="stable").index
    wanted[largest_rest[: most - wanted.sum()]] += 1
    chosen = shuffled.groupby(shuffled).cumcount() < shuffled.map(wanted)
    return np.sort(rows[chosen.index[chosen]])


def all_rows(corrupted_rows: Sequence[int] | Mapping[str, Sequence[int]]) -> np.ndarray:
    """Return the rows of all corrupted images, in the order in which these are stored.

    Args:
        corrupted_rows: The rows; where every seed has its own split, those of each by ``seed_<n>``.
    """
    if isinstance(corrupted_rows, Mapping):
        return np.unique(np.concatenate([np.asarray(own) for own in corrupted_rows.values()]))
    return np.asarray(corrupted_rows)


def corrupted_of_seed(
    corrupted: np.ndarray, corrupted_rows: Sequence[int] | Mapping[str, Sequence[int]], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the corrupted images that a seed judges, and their rows.

    Args:
        corrupted: Corruptions x M x H x W x C, uint8; may be memory-mapped.
        corrupted_rows: The M rows, or those of each seed by ``seed_<n>``.
        seed: The training's.
    """
    own = np.asarray(fitted_of_seed(corrupted_rows, seed))
    rows = all_rows(corrupted_rows)
    if len(own) == len(rows):
        return corrupted, own
    return corrupted[:, np.searchsorted(rows, own)], own


def _generators(images: np.ndarray, name: str, seed: int) -> Generators:
    key = f"{name} {seed}".encode()
    for image in images:
        digest = hashlib.blake2b(image, digest_size=16, key=key).digest()
        yield np.random.default_rng(int.from_bytes(digest, "little"))


def _shot_noise(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Add Poisson noise: a pixel's value is a number of photons, up to 3 expected."""
    expected = images * (_PHOTONS / 255)
    photons = [draw.poisson(image) for draw, image in zip(generators, expected, strict=False)]
    return np.stack(photons) * (255 / _PHOTONS)


def _impulse_noise(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Add salt and pepper noise: as many values become black as white."""
    draws = np.stack(
        [
            draw.random(image.shape, dtype=np.float32)
            for draw, image in zip(generators, images, strict=False)
        ]
    )
    with_pepper = np.where(draws < _IMPULSES / 2, 0, images)
    return np.where(draws >= 1 - _IMPULSES / 2, 255, with_pepper)


def _blur(images: np.ndarray, _: Generators) -> np.ndarray:
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - slow to import

    height, width = images.shape[1:3]
    sigma = (0, _BLUR * height, _BLUR * width, 0)
    return gaussian_filter(images.astype(np.float32), sigma, mode="nearest")


def _rotate(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Rotate about the middle, clockwise or counterclockwise."""
    cos, sin = np.cos(_ROTATION), np.sin(_ROTATION)
    return _one_of_two(images, generators, [[cos, -sin], [sin, cos]], [[cos, sin], [-sin, cos]])


def _scale(images: np.ndarray, _: Generators) -> np.ndarray:
    """Shrink towards the middle."""
    return _resample(images, [[1 / _SCALE, 0], [0, 1 / _SCALE]])


def _shear(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Shear along x, to the left or to the right."""
    return _one_of_two(images, generators, [[1, 0], [_SHEAR, 1]], [[1, 0], [-_SHEAR, 1]])


def _translate(images: np.ndarray, generators: Generators) -> np.ndarray:
    """Shift towards one of the four corners, by whole pixels."""
    height, width = images.shape[1:3]
    down, right = round(_TRANSLATION * height), round(_TRANSLATION * width)
    padded = np.pad(images, ((0, 0), (down, down), (right, right), (0, 0)), mode="edge")
    moved = np.empty_like(images)
    for number, draw in zip(range(len(images)), generators, strict=False):
        top, left = 2 * draw.integers(0, 2, 2) * (down, right)
        moved[number] = padded[number, top : top + height, left : left + width]
    return moved


def _stripe(images: np.ndarray, _: Generators) -> np.ndarray:
    """Invert a stripe at the left and at the right edge."""
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
    """Resample every image by one of two matrices, each with probability one half."""
    drawn = np.array([draw.random() < 0.5 for draw in generators])
    changed = np.empty(images.shape, dtype=np.float32)
    changed[drawn] = _resample(images[drawn], one)
    changed[~drawn] = _resample(images[~drawn], other)
    return changed


def _resample(images: np.ndarray, matrix: Matrix) -> np.ndarray:
    """Return images under a linear map, resampled bilinearly, the border repeated outside.

    Args:
        images: N x H x W x C, uint8.
        matrix: 2 x 2, from an output pixel's (row, column) to the input's, both from the middle.

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
