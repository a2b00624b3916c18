"""Pictures decoded to arrays of one size and colour mode."""

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from regbench.images.plain_png import PlainPngs, lacks_rows
from regbench.images.sources.base import (
    Unreadable,
)
from regbench.storage.arrays import release_memory
from regbench.study.schema import Ingest

# Formats that are decoded in this process; EPS, for one, would start Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_BYTES_AT_ONCE = 1 << 20  # of pixels, decoded together
_BYTES_HELD = 64 << 20  # of pixels, until the system writes them to their file
NO_MEMORY = "too large: not enough memory"

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow says, by its first words.
_IN_PLAIN_WORDS = {
    "could not create decoder object": "damaged WebP",
    "cannot load this image": "no pixels",
    "Decompressed data too large": "a text or colour profile that inflates beyond bounds",
}


def decode_picture(data: bytes, settings: Ingest) -> NDArray[np.uint8]:
    """Turn the bytes of a picture file into an image of the configured mode and size.

    The first frame counts, EXIF orientation is applied, transparent pixels are laid on the
    background. 16 bits become 8 by dividing by 257; Pillow itself does it for RGB, by dropping
    the low byte. Float pixels (TIFF mode F) are refused: their range is agreed nowhere, and one
    taken from each picture would scale the pictures of a set differently.

    The size is checked before anything is decoded. Pillow's own limit (179 million pixels) stands
    beside ``max_pixels``.

    Args:
        data: The content of the file.
        settings: Mode, size, background and largest number of pixels.

    Returns:
        uint8, H x W x C. A picture of another size is stretched to it.

    Raises:
        Unreadable: With a reason that names the fault, whatever it is.
    """
    if not data:
        raise Unreadable("unreadable: empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > settings.max_pixels:
                raise Unreadable(_too_many_pixels(settings.max_pixels))
            picture.load()
            if picture.format == "PNG" and _ends_blank(picture) and lacks_rows(data):
                raise Unreadable("unreadable: image file is truncated")
            return _render(picture, settings)
    except Unreadable:
        raise
    except Image.DecompressionBombError:
        pillows_limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise Unreadable(_too_many_pixels(min(settings.max_pixels, pillows_limit))) from None
    except UnidentifiedImageError:
        raise Unreadable(f"unreadable: none of {', '.join(FORMATS)}") from None
    except MemoryError:
        raise Unreadable(NO_MEMORY) from None
    except Exception as error:  # a damaged file makes Pillow raise nearly anything
        raise Unreadable(f"unreadable: {_short(error)}") from None


class Pictures:
    """Decodes pictures into an array, plain PNGs of its size many at a time."""

    def __init__(self, images: NDArray[np.uint8], settings: Ingest) -> None:
        self._images, self._settings = images, settings
        height, width, channels = images.shape[1:]
        self._plain = PlainPngs(height, width, settings.mode)
        self._plain_fit = height * width <= settings.max_pixels
        self._at_once = max(1, _BYTES_AT_ONCE // (height * width * channels))
        self._held = max(1, _BYTES_HELD // (height * width * channels))
        self._waiting: dict[int, bytes] = {}

    def put(self, row: int, data: bytes) -> str | None:
        """Decode a file into a row of the array, now or later.

        Returns:
            Why it cannot be decoded, as in ``decode_picture``; None if it can.
        """
        if row % self._held == 0:
            release_memory(self._images)
        plain = self._plain.rows(data) if self._plain_fit else None
        if plain is None:
            try:
                self._images[row] = decode_picture(data, self._settings)
            except Unreadable as problem:
                return problem.reason
            return None
        self._waiting[row] = plain
        if len(self._waiting) == self._at_once:
            self.finish()
        return None

    def finish(self) -> None:
        """Decode what waits."""
        if self._waiting:
            self._images[list(self._waiting)] = self._plain.pixels(list(self._waiting.values()))
            self._waiting.clear()


def _render(picture: Image.Image, settings: Ingest) -> NDArray[np.uint8]:
    """Turn a loaded picture into pixels: uint8, H x W x C."""
    image = _flatten(_to_8_bits(_turn(picture)), settings)
    height, width = settings.size
    if image.size != (width, height):
        # Pillow's bilinear filter averages over all pixels covered when it shrinks. Lanczos and
        # bicubic are sharper, at the price of ringing: bright seams that no picture had.
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.frombuffer(image.tobytes(), np.uint8)  # half the time of np.asarray
    return pixels.reshape(height, width, channels(settings))


def _ends_blank(picture: Image.Image) -> bool:
    """Say whether the last row may never have been read: Pillow leaves it at zero then.

    Of an interlaced picture other rows may be the last to be read.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return bool(picture.info.get("interlace")) or not any(last.tobytes())


def _turn(picture: Image.Image) -> Image.Image:
    """Apply EXIF orientation; a picture with damaged EXIF stays as it is stored."""
    if not picture.info:  # where Pillow keeps EXIF, but for TIFF, which it has turned itself
        return picture
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # metadata may be damaged in as many ways as a picture
        return picture
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale grey pictures of more than 8 bits; transparency becomes an alpha channel.

    Raises:
        Unreadable: The pixels are floats, or integers beyond 16 bits.
    """
    if picture.mode == "F":
        raise Unreadable("unreadable: float pixels")
    if not picture.mode.startswith("I"):
        return picture
    pixels = np.asarray(picture).astype(np.int32)
    tags = getattr(picture, "tag_v2", {})  # TIFF: bits per sample 258, photometric 262
    white = 4095 if tags.get(258) == (12,) else 65535
    if pixels.min() < 0 or pixels.max() > white:
        raise Unreadable("unreadable: pixels beyond 16 bits")
    alpha = pixels != picture.info.get("transparency", -1)
    if tags.get(262) == 0:
        pixels = white - pixels  # 0 is white; Pillow sees to it for 8 bits only
    grey = ((pixels * 255 + white // 2) // white).astype(np.uint8)
    return Image.fromarray(np.dstack([grey, alpha * np.uint8(255)]))


def _flatten(picture: Image.Image, settings: Ingest) -> Image.Image:
    """Lay transparent pixels on the background and convert to the configured mode."""
    if picture.has_transparency_data:
        colour = picture.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # of 16-bit RGB, now 8-bit
            picture.info["transparency"] = tuple(value >> 8 for value in colour)
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, settings.background)
        picture = Image.alpha_composite(ground, picture)
    return picture if picture.mode == settings.mode else picture.convert(settings.mode)


def channels(settings: Ingest) -> int:
    """Return how many channels a picture is decoded to: 1 (grey) or 3 (RGB)."""
    return len(settings.mode)


def _too_many_pixels(limit: int) -> str:
    return f"too large: more than {limit} pixels"


def _short(error: Exception) -> str:
    """One short line without what differs from file to file (addresses, sizes)."""
    for start, words in _IN_PLAIN_WORDS.items():
        if str(error).startswith(start):
            return words
    text = re.sub(r"[(<\[{].*|b?['\"].*", "", str(error), flags=re.DOTALL)
    return " ".join(text.split())[:60].rstrip(" :,") or type(error).__name__
