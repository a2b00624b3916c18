"""The size and colour mode that pictures are decoded to: as set, or found from the pictures."""

import logging
import math
import statistics
from collections.abc import Iterator, Sequence
from typing import TypeVar

from regbench.images.decode import ColourFoundError, Decoding, decode_picture, usual_size
from regbench.images.picture_files import camera_raw_reason
from regbench.images.sources.base import ImageSource, Unreadable
from regbench.study.schema import Ingest

logger = logging.getLogger(__name__)

Shape = tuple[int, int, int]  # height, width, channels
_Value = TypeVar("_Value")

_LOOKED_AT = 200  # pictures whose headers are read
_DECODED = 20  # of them, to see whether what is stored in colour is grey
# Where at least a tenth of the pictures has another aspect ratio, by a fifth, images are square.
_SHARE_OF_OTHERS = 0.1
_OTHER_RATIO = 1.2


def find_decoding(
    source: ImageSource,
    names: Sequence[str],
    settings: Ingest,
    largest_file: int,
    shape: Shape | None = None,
) -> Decoding:
    """Return what pictures are decoded to; what ``auto`` has become is logged in a line.

    Size: the median height and the median width of 200 pictures, evenly spaced in the set, shrunk
    to ``max_auto_size`` on the longer side; a square of the median area where aspect ratios
    differ. Mode: grey, unless a picture has colours. Where none of those that are looked at has
    any, ``only_grey`` is set, so that a picture with colours is found while decoding.

    Args:
        source: The set.
        names: The files of the pictures.
        settings: The size and mode, or ``auto``.
        largest_file: The size in bytes of the largest file that is read.
        shape: Height, width and channels that go before the settings.
    """
    if shape is not None:
        return Decoding.of(settings, shape)
    size, mode = settings.size, settings.mode
    if size != "auto" and mode != "auto":
        return Decoding.of(settings, (*size, len(mode)))
    pictures = [
        (data, *found)
        for data in _sample(source, names, largest_file)
        if (found := usual_size(data, settings.max_pixels)) is not None
    ]
    sizes = [(height, width) for _, height, width, _ in pictures]
    if size == "auto":
        size = usual_shape(sizes, settings.max_auto_size)
    only_grey = False
    if mode == "auto":
        grey = Decoding.of(settings, (*size, 1), only_grey=True)
        stored_in_colour = [data for data, *_, in_colour in pictures if in_colour]
        only_grey = not any(
            _has_colours(data, grey) for data in _spaced(stored_in_colour, _DECODED)
        )
        mode = "L" if only_grey else "RGB"
    decoding = Decoding.of(settings, (*size, len(mode)), only_grey=only_grey)
    logger.info("%s: %s", source.display, _in_words(len(names), sizes, decoding))
    return decoding


def usual_shape(sizes: Sequence[tuple[int, int]], longest: int) -> tuple[int, int]:
    """Return the usual height and width of pictures, shrunk to at most ``longest`` pixels a side.

    Args:
        sizes: Height and width of each picture; if there are none, a single pixel is returned.
        longest: Of the longer side.
    """
    if not sizes:
        return 1, 1
    height, width = (statistics.median(side) for side in zip(*sizes, strict=True))
    ratios = (one_width * height / (one_height * width) for one_height, one_width in sizes)
    others = sum(max(ratio, 1 / ratio) > _OTHER_RATIO for ratio in ratios)
    if others >= _SHARE_OF_OTHERS * len(sizes):
        height = width = statistics.median(math.sqrt(height * width) for height, width in sizes)
    shrunk = min(1.0, longest / max(height, width))
    return max(1, round(height * shrunk)), max(1, round(width * shrunk))


def _sample(source: ImageSource, names: Sequence[str], largest_file: int) -> Iterator[bytes]:
    """Yield the content of evenly spaced files that can be read."""
    for name in _spaced(names, _LOOKED_AT):
        try:
            if camera_raw_reason(name) is None:
                yield source.read(name, largest_file)
        except Unreadable:
            continue  # it is rejected with its reason when it is decoded


def _spaced(values: Sequence[_Value], most: int) -> list[_Value]:
    """Return at most so many values, evenly spaced, the first and the last among them."""
    if len(values) <= most:
        return list(values)
    step = (len(values) - 1) / (most - 1)
    return [values[round(number * step)] for number in range(most)]


def _has_colours(data: bytes, grey: Decoding) -> bool:
    try:
        decode_picture(data, grey)
    except ColourFoundError:
        return True
    except Unreadable:
        return False
    return False


def _in_words(count: int, sizes: Sequence[tuple[int, int]], decoding: Decoding) -> str:
    """Return what was found and what it has become, in a line."""
    if not sizes:
        return f"none of the {count} pictures that were looked at can be read"

    distinct = sorted(set(sizes), key=math.prod)
    smallest, largest = distinct[0], distinct[-1]
    of = f"{smallest[0]} x {smallest[1]}"
    if len(distinct) > 1:
        of += f" to {largest[0]} x {largest[1]}"
    if len(sizes) < count:
        of += f" ({len(sizes)} looked at)"
    colour = "grey" if decoding.mode == "L" else "colour"
    shape = " x ".join(map(str, decoding.shape))
    return f"pictures: {count} of {of}, {colour} -> {shape} (ingest.size, ingest.mode)"
