"""Images that are nearly the same: saved anew, brightened, recoloured, or cut a little differently.

Candidates are found by a perceptual hash (the signs of the 64 lowest frequencies, as of pHash;
Zauner, 2010) without comparing every image with every other. Then their details are compared: what
is left of the grey image without its blurred copy. Unlike pixels, details differ between two photos
of a calm sea.

How much two images must agree depends on how much detail there is: two vertical strokes are easily
alike, two photos of a face are not. With a correlation r of n pixels' worth of detail, atanh(r) is
normal with a standard deviation of about 1 / sqrt(n) for unlike images (Fisher, 1915), so
``atanh(r) * sqrt(n)`` is compared with ``SURE``. n is the participation ratio of the details,
(sum d²)² / sum d⁴. The bounds were set on CIFAR-10 and MNIST: docs/your-images.md has the figures.
"""

from collections.abc import Iterator
from functools import cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.evaluation.resampling import in_several_parts, parts_shown
from regbench.images.duplicates import COLUMNS, CONFLICT, LEAK

NEAR = "nearly the same pixels"
SURE = 13.0  # least atanh(r) * sqrt(n)
ALIKE = 0.7  # least correlation of details
_SKETCH = 64  # numbers that sketch an image's details
_SIDE = 8  # frequencies either way; smaller images are not compared
_DETAIL_SIDE = 32  # pixels; larger images are shrunk before details are compared
_BITS_APART = 7  # hashes of candidates differ in at most so many of 64 bits
_IN_BUCKET = 128  # images that share a part of the hash, on average at most
_NEIGHBOURS = 512  # candidates of one bucket that an image is compared with, at most
_FLAT = 2.0  # grey levels; an image with a smaller standard deviation shows nothing
_CHUNK = 2048  # images, or pairs of them, at a time
_PAIRS = 1 << 16  # candidates at a time

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]


def find_near_duplicates(
    images: NDArray[np.uint8], split_index: pd.DataFrame, first_group: int = 1
) -> pd.DataFrame:
    """Return the table of images that are nearly the same as one in another split part.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image: filename, label, split and digest (of the pixels).
        first_group: The number of the first group.

    Returns:
        A row per image, with the columns of ``find_duplicates``. A group is of images that are
        nearly the same as another one of it, and in several split parts; those inside one part are
        left out. ``finding`` begins with ``nearly the same pixels``.
    """
    from scipy.sparse import coo_array  # noqa: PLC0415 - slow to import
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    codes, digests = pd.factorize(split_index["digest"])
    _, rows = np.unique(codes, return_index=True)  # the first of each group of equal images
    pairs = codes[nearly_equal_pairs(images, rows)]
    one, other = pairs.T
    linked = coo_array((np.ones(len(pairs)), (one, other)), shape=(len(digests), len(digests)))
    _, group_of_digest = connected_components(linked, directed=False)
    listed = split_index.assign(group=group_of_digest[codes])
    listed = listed[np.isin(listed["group"], group_of_digest[pairs[:, 0]])]
    same = listed.groupby("group")
    listed = listed.assign(labels=same["label"].transform("nunique"))
    listed = listed[in_several_parts(listed, "group")]
    listed = listed.assign(
        split=parts_shown(listed),
        group=pd.factorize(listed["group"])[0] + first_group,
        finding=[
            ", ".join([NEAR] + [CONFLICT] * (labels > 1) + [LEAK]) for labels in listed["labels"]
        ],
    )
    return listed.sort_values("group", kind="stable")[list(COLUMNS)].reset_index(drop=True)


def summarize_near_duplicates(near: pd.DataFrame) -> str:
    """Return the counts of a table from ``find_near_duplicates`` as one sentence."""
    if near.empty:
        return "no image was found to be nearly the same as one in another part of the split"
    trained = near["group"].isin(near["group"][near["split"] == "train"])
    elsewhere = near["split"][trained]
    counts = {part: int((elsewhere == part).sum()) for part in ("validation", "test")}
    told = " and ".join(f"{number} {part}" for part, number in counts.items() if number)
    trained_on = f" ({told} image{'' if sum(counts.values()) == 1 else 's'} nearly trained on)"
    groups = near["group"].nunique()
    return (
        f"{len(near)} images in {groups} group{'' if groups == 1 else 's'} are nearly the same as "
        f"one in another part of the split{trained_on if told else ''}; "
        "if a column or the file name tells what belongs together, protocol.split.group_column or "
        "group_pattern keeps it in one part"
    )


def nearly_equal_pairs(images: NDArray[np.uint8], rows: NDArray[np.int64]) -> Pairs:
    """Return the pairs of nearly equal images among some rows.

    Memory is bounded: about 150 bytes an image, and a chunk of images. Time grows a little faster
    than the number of images. In sets where thousands look alike some pairs are missed: an image
    is compared with ``_NEIGHBOURS`` others in each part of the hash.

    Args:
        images: N x H x W x C, uint8; may be memory-mapped. Smaller than 8 x 8 pixels there are no
            pairs.
        rows: Of the images to compare, ascending; such as one of each group of equal images.

    Returns:
        M x 2 rows, the smaller one first, sorted.
    """
    if min(images.shape[1:3]) < _SIDE or len(rows) < 2:
        return np.zeros((0, 2), np.int64)
    hashes, sketches, amounts, plain = [], [], [], []
    for start in range(0, len(rows), _CHUNK):
        chunk = images[rows[start : start + _CHUNK]]
        grey, details = _grey(chunk), _details(chunk)
        hashes.append(_hashes(grey))
        sketches.append(_sketches(details))
        amounts.append(_amounts(details))
        plain.append(grey.std(axis=(1, 2)) >= _FLAT)
    shown = np.flatnonzero(np.concatenate(plain))
    sketch, amount = np.concatenate(sketches)[shown], np.concatenate(amounts)[shown]
    found = [np.zeros((0, 2), np.int64)]
    for candidates in _candidates(np.concatenate(hashes)[shown]):
        one, other = candidates.T
        likely = np.einsum("ij,ij->i", sketch[one], sketch[other], dtype=np.int32) / 127**2
        needed = _needed(np.minimum(amount[one], amount[other]))
        spread = (1 - needed**2) / np.sqrt(_SKETCH)  # of the sketches' correlation
        pairs = rows[shown[candidates[likely >= needed - 3 * spread - 0.02]]]
        for start in range(0, len(pairs), _CHUNK):
            some = pairs[start : start + _CHUNK]
            found.append(some[_agree(images[some[:, 0]], images[some[:, 1]])])
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _grey(images: NDArray[np.uint8]) -> Floats:
    """Return the mean over the channels, N x H x W, from 0 to 255."""
    grey: Floats = images.mean(axis=-1, dtype=np.float32)
    return grey


def _cosines(side: int) -> Floats:
    """Return the rows of the cosine transform for the lowest frequencies, 8 x side."""
    places = (2 * np.arange(side) + 1) * np.pi / (2 * side)
    cosines: Floats = np.cos(np.outer(np.arange(_SIDE), places)).astype(np.float32)
    return cosines


def _hashes(grey: Floats) -> NDArray[np.uint64]:
    """Return each image's perceptual hash.

    It has a bit for each of the 8 x 8 lowest frequencies of the cosine transform (DCT-II): whether
    it is above their median. The mean, the lowest of all, counts as 0.
    """
    height, width = grey.shape[1:]
    frequencies = (_cosines(height) @ grey @ _cosines(width).T).reshape(len(grey), -1)
    frequencies[:, 0] = 0
    middle = np.median(frequencies[:, 1:], axis=1, keepdims=True)
    packed = np.packbits(frequencies > middle, axis=1)
    return packed.view(">u8")[:, 0].astype(np.uint64)


def _candidates(hashes: NDArray[np.uint64]) -> Iterator[Pairs]:
    """Yield pairs of places of similar hashes, some thousands at a time.

    The hash is cut into parts, and hashes that are equal in one of them are compared. The more
    images, the longer the parts: so there are never many images with the same one by chance. A
    pair is yielded once, for the first part in which its hashes are equal.
    """
    bits = int(np.clip(np.ceil(np.log2(max(len(hashes), 1) / _IN_BUCKET)), 8, 32))
    mask = np.uint64(2**bits - 1)
    firsts = [np.uint64(first) for first in range(0, 64 - bits + 1, bits)]
    held: list[Pairs] = []
    for number, first in enumerate(firsts):
        keys = (hashes >> first) & mask
        order = np.lexsort((hashes, keys))
        sorted_keys, sorted_hashes = keys[order], hashes[order]
        for step in range(1, _NEIGHBOURS + 1):
            same = np.flatnonzero(sorted_keys[step:] == sorted_keys[:-step])
            if not len(same):
                break
            differing = sorted_hashes[same] ^ sorted_hashes[same + step]
            near = np.bitwise_count(differing) <= _BITS_APART
            for earlier in firsts[:number]:
                near &= ((differing >> earlier) & mask) != 0
            at = same[near]
            held.append(np.stack([order[at], order[at + step]], axis=1))
            if sum(map(len, held)) >= _PAIRS:
                yield np.concatenate(held)
                held = []
    if held:
        yield np.concatenate(held)


def _agree(some: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return whether each image's details agree with those of the other one, as sure as asked."""
    one, other = _details(some), _details(others)
    needed = _needed(np.minimum(_amounts(one), _amounts(other)))
    agree: NDArray[np.bool_] = (one * other).sum(axis=1) >= needed
    return agree


def _needed(amounts: Floats) -> Floats:
    """Return the least correlation of details, by the amount of details."""
    needed: Floats = np.maximum(ALIKE, np.tanh(SURE / np.sqrt(amounts)))
    return needed


def _amounts(details: Floats) -> Floats:
    """Return how many pixels have details, in effect: the participation ratio."""
    amounts: Floats = 1 / (details**4).sum(axis=1)
    return amounts


def _sketches(details: Floats) -> NDArray[np.int8]:
    """Return random projections of details, N x 64, whose correlation is near that of details."""
    random = np.random.default_rng(0)  # the same signs for all images
    signs = random.choice([-1.0, 1.0], (details.shape[1], _SKETCH)).astype(np.float32)
    projected = details @ signs
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    sketches: NDArray[np.int8] = np.round(127 * projected / np.maximum(lengths, 1e-6)).astype(
        np.int8
    )
    return sketches


def _details(images: NDArray[np.uint8]) -> Floats:
    """Return the grey images less their blurred copies (3 x 3), each of length 1: N x pixels.

    An image of one colour has details of 1 in the first pixel: it agrees with no other.
    """
    from scipy.ndimage import uniform_filter  # noqa: PLC0415 - slow to import

    grey = _grey(images)
    if max(grey.shape[1:]) > _DETAIL_SIDE:
        grey = np.matmul(_shrinking(grey.shape[1]) @ grey, _shrinking(grey.shape[2]).T, dtype="f4")
    details = grey - uniform_filter(grey, output=np.float32, size=(1, 3, 3), mode="nearest")
    return _unit(details.reshape(len(grey), -1).astype(np.float32))


@cache
def _shrinking(side: int) -> Floats:
    """Return the matrix that averages pixels by area to at most ``_DETAIL_SIDE``: new x side."""
    new = min(side, _DETAIL_SIDE)
    ends = np.linspace(0, side, new + 1)
    begins, pixels = ends[:-1, None], np.arange(side)
    overlap = np.minimum(ends[1:, None], pixels + 1) - np.maximum(begins, pixels)
    means: Floats = (np.maximum(overlap, 0) * (new / side)).astype(np.float32)
    return means


def _unit(rows: Floats) -> Floats:
    """Return rows less their mean and of length 1; a constant row becomes (1, 0, 0, ...)."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    constant = lengths[:, 0] < 1e-3
    centred[constant], lengths[constant] = 0, 1
    centred[constant, 0] = 1
    unit: Floats = centred / lengths
    return unit
