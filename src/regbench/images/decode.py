"""Decode picture files to uint8 arrays of one size and colour mode."""

import io
import re

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from regbench.images.plain_png import PlainPngDecoder, is_truncated
from regbench.images.sources.base import (
    Unreadable,
)
from regbench.storage.arrays import release_memory
from regbench.study.schema import Ingest

# Formats that are decoded in this process; EPS, for one, would start Ghostscript.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
_BATCH_BYTES = 1 << 20  # of pixels decoded together
_RESIDENT_BYTES = 64 << 20  # of decoded pixels kept in memory
NO_MEMORY = "too large: not enough memory"

# By EXIF orientation (CIPA DC-008, tag 274); 1 is upright.
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Rejection reasons by the beginning of Pillow's message.
_PILLOW_MESSAGES = {
    "could not create decoder object": "damaged WebP",
    "cannot load this image": "no pixels",
    "Decompressed data too large": "a text or colour profile that inflates beyond bounds",
}


def decode_picture(data: bytes, settings: Ingest) -> NDArray[np.uint8]:
    """Return the pixels of a picture file in the configured mode and size, H x W x C, uint8.

    Only the first frame is decoded. EXIF orientation is applied, and transparent pixels are
    composited on the background. A picture of another size is resized without keeping its aspect
    ratio. 16-bit grey values are divided by 257; for RGB Pillow drops the low byte. Float pixels
    (TIFF mode F) are refused: their range is not defined, and scaling each picture by its own
    range would make the pictures of a set incomparable.

    The number of pixels is checked before decoding, against ``max_pixels`` and against Pillow's
    own limit (179 million pixels).

    Args:
        data: The content of the file.
        settings: Mode, size, background and maximum number of pixels.

    Raises:
        Unreadable: The file cannot be decoded, for any reason, which is given.
    """
    if not data:
        raise Unreadable("unreadable: empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > settings.max_pixels:
                raise Unreadable(_too_many_pixels(settings.max_pixels))
            picture.load()
            if picture.format == "PNG" and _may_lack_rows(picture) and is_truncated(data):
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
    except Exception as error:  # Pillow raises nearly any type for a damaged file
        raise Unreadable(f"unreadable: {_short_reason(error)}") from None


class BatchDecoder:
    """Decoder of picture files into the rows of an array; simple PNGs are decoded in batches."""

    def __init__(self, images: NDArray[np.uint8], settings: Ingest) -> None:
        """Set the array to fill (N x H x W x C, uint8) and the decoding settings."""
        self._images, self._settings = images, settings
        height, width, channels = images.shape[1:]
        self._plain = PlainPngDecoder(height, width, settings.mode)
        self._plain_allowed = height * width <= settings.max_pixels
        self._batch_size = max(1, _BATCH_BYTES // (height * width * channels))
        self._resident_rows = max(1, _RESIDENT_BYTES // (height * width * channels))
        self._pending: dict[int, bytes] = {}

    def decode_into(self, row: int, data: bytes) -> str | None:
        """Decode a file into a row of the array, at the latest when ``flush`` is called.

        Returns:
            None, or the reason why it cannot be decoded (see ``decode_picture``).
        """
        if row % self._resident_rows == 0:
            release_memory(self._images)
        plain = self._plain.inflate(data) if self._plain_allowed else None
        if plain is None:
            try:
                self._images[row] = decode_picture(data, self._settings)
            except Unreadable as problem:
                return problem.reason
            return None
        self._pending[row] = plain
        if len(self._pending) == self._batch_size:
            self.flush()
        return None

    def flush(self) -> None:
        """Decode the pending batch."""
        if self._pending:
            self._images[list(self._pending)] = self._plain.decode(list(self._pending.values()))
            self._pending.clear()


def _render(picture: Image.Image, settings: Ingest) -> NDArray[np.uint8]:
    """Return a loaded picture's pixels in the configured mode and size, H x W x C, uint8."""
    image = _flatten(_to_8_bits(_apply_orientation(picture)), settings)
    height, width = settings.size
    if image.size != (width, height):
        # When shrinking, Pillow's bilinear filter is antialiased: it averages all covered pixels.
        # Lanczos and bicubic are sharper, but overshoot at edges (ringing).
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.frombuffer(image.tobytes(), np.uint8)  # twice as fast as np.asarray
    return pixels.reshape(height, width, channels(settings))


def _may_lack_rows(picture: Image.Image) -> bool:
    """Return whether rows may be missing in a PNG: Pillow leaves missing rows at zero.

    True for a picture whose last row is zero, and for every interlaced one: in these the last row
    is not the last to be stored.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return bool(picture.info.get("interlace")) or not any(last.tobytes())


def _apply_orientation(picture: Image.Image) -> Image.Image:
    """Return the picture turned by its EXIF orientation; unchanged if the EXIF data are damaged."""
    if not picture.info:  # no EXIF data; a TIFF's are elsewhere, but Pillow turns it itself
        return picture
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises nearly any type for damaged metadata
        return picture
    turn = _TRANSPOSES.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _to_8_bits(picture: Image.Image) -> Image.Image:
    """Return a grey picture of more than 8 bits scaled to 8 bits, mode LA; others unchanged.

    Raises:
        Unreadable: The pixels are floats, or integers beyond 16 bits.
    """
    if picture.mode == "F":
        raise Unreadable("unreadable: float pixels")
    if not picture.mode.startswith("I"):
        return picture
    pixels = np.asarray(picture).astype(np.int32)
    # TIFF 6.0: tag 258 is BitsPerSample, 262 PhotometricInterpretation (0: white is zero).
    tags = getattr(picture, "tag_v2", {})
    white = 4095 if tags.get(258) == (12,) else 65535
    if pixels.min() < 0 or pixels.max() > white:
        raise Unreadable("unreadable: pixels beyond 16 bits")
    alpha = pixels != picture.info.get("transparency", -1)
    if tags.get(262) == 0:
        pixels = white - pixels  # Pillow inverts 8-bit pictures only
    grey = ((pixels * 255 + white // 2) // white).astype(np.uint8)
    return Image.fromarray(np.dstack([grey, alpha * np.uint8(255)]))


def _flatten(picture: Image.Image, settings: Ingest) -> Image.Image:
    """Return a picture in the configured mode, composited on the background if transparent."""
    if picture.has_transparency_data:
        colour = picture.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # a 16-bit colour; pixels are 8-bit
            picture.info["transparency"] = tuple(value >> 8 for value in colour)
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, settings.background)
        picture = Image.alpha_composite(ground, picture)
    return picture if picture.mode == settings.mode else picture.convert(settings.mode)


def channels(settings: Ingest) -> int:
    """Return the number of channels of decoded pictures: 1 (grey) or 3 (RGB)."""
    return len(settings.mode)


def _too_many_pixels(limit: int) -> str:
    return f"too large: more than {limit} pixels"


def _short_reason(error: Exception) -> str:
    """Return an error's message in one line of at most 60 characters, without file specifics.

    Memory addresses, sizes and quoted values are removed, so equal faults have equal reasons.
    """
    for start, words in _PILLOW_MESSAGES.items():
        if str(error).startswith(start):
            return words
    text = re.sub(r"[(<\[{].*|b?['\"].*", "", str(error), flags=re.DOTALL)
    return " ".join(text.split())[:60].rstrip(" :,") or type(error).__name__
