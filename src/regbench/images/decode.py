"""Decode picture files to uint8 arrays of one size and colour mode."""

import io
import math
import re
import threading
from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from regbench.images.plain_png import is_truncated
from regbench.images.sources.base import Unreadable
from regbench.images.unread_formats import unread_format_reason
from regbench.study.schema import Ingest

_HEIF = find_spec("pillow_heif") is not None  # of the extra `heic`
if _HEIF:
    import pillow_heif

    pillow_heif.register_heif_opener(thumbnails=False)

# Formats that are decoded in this process; EPS, for one, would start Ghostscript.
_USUAL_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM", "AVIF")
FORMATS = (*_USUAL_FORMATS, *(("HEIF",) if _HEIF else ()))
NO_MEMORY = "too large: not enough memory"
_DNG_VERSION = 50706  # a TIFF tag (Adobe, Digital Negative Specification)
_GREY_MODES = ("1", "L", "LA")  # of Pillow, once 16-bit pictures are made 8-bit ones

# A JPEG can be decoded at 1/2 or 1/4 of its size, which saves half of the time. It is then shrunk
# by this factor or more, so that the result stays within a grey level of the full way on average.
# (1/8 saves little more, and changes twice as much.)
_DRAFT_MARGIN = 1.9
_SMALLEST_DRAFT = 7
_LARGE_PIXELS = 4 << 20  # larger pictures are decoded one at a time, which bounds the memory

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
_QUARTER_TURNS = tuple(_TRANSPOSES[orientation] for orientation in (5, 6, 7, 8))

_one_large_picture = threading.Lock()

# Rejection reasons by the beginning of Pillow's message.
_PILLOW_MESSAGES = {
    "could not create decoder object": "damaged WebP",
    "cannot load this image": "no pixels",
    "Decompressed data too large": "a text or colour profile that inflates beyond bounds",
}


class ColourFoundError(Exception):
    """A picture has colours where all were thought to be grey."""


@dataclass(frozen=True)
class Decoding:
    """What pictures are decoded to; all that pixels depend on besides the file.

    Attributes:
        height: In pixels.
        width: In pixels.
        mode: ``L`` (grey, one channel) or ``RGB`` (three).
        aspect: What becomes of a picture of another aspect ratio: ``stretch``, ``pad`` (with the
            background) or ``crop`` (its middle stays).
        background: What transparent pixels are laid on.
        max_pixels: The largest picture that is decoded.
        only_grey: Whether a picture with colours raises ``ColourFoundError``.
    """

    height: int
    width: int
    mode: Literal["L", "RGB"]
    aspect: Literal["stretch", "pad", "crop"]
    background: Literal["black", "white"]
    max_pixels: int
    only_grey: bool = False

    @classmethod
    def of(cls, settings: Ingest, shape: tuple[int, int, int], *, only_grey: bool = False) -> Self:
        """Return the decoding to a height, a width and 1 or 3 channels, otherwise as set."""
        height, width, channels = shape
        return cls(
            height,
            width,
            "L" if channels == 1 else "RGB",
            settings.aspect,
            settings.background,
            settings.max_pixels,
            only_grey,
        )

    def in_colour(self) -> Self:
        """Return the same in RGB."""
        return replace(self, mode="RGB", only_grey=False)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, len(self.mode)


def decode_picture(data: bytes, decoding: Decoding) -> NDArray[np.uint8]:
    """Return the pixels of a picture file in the wanted mode and size, H x W x C, uint8.

    Only the first frame is decoded. EXIF orientation is applied, and transparent pixels are
    composited on the background. A picture of another size is resized, see ``Decoding.aspect``.
    16-bit grey values are divided by 257; for RGB Pillow drops the low byte. Float pixels
    (TIFF mode F) are refused: their range is not defined, and scaling each picture by its own
    range would make the pictures of a set incomparable.

    The number of pixels is checked before decoding, against ``max_pixels`` and against Pillow's
    own limit (179 million pixels).

    Args:
        data: The content of the file.
        decoding: What to decode to.

    Raises:
        Unreadable: The file cannot be decoded, for any reason, which is given.
        ColourFoundError: It has colours, and ``only_grey`` is set.
    """
    if not data:
        raise Unreadable("unreadable: empty file")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > decoding.max_pixels:
                raise Unreadable(_too_many_pixels(decoding.max_pixels))
            if picture.format == "TIFF" and _DNG_VERSION in getattr(picture, "tag_v2", {}):
                raise Unreadable("unreadable: DNG, a camera's raw format; save it as JPEG or PNG")
            large = picture.width * picture.height > _LARGE_PIXELS
            with _one_large_picture if large else nullcontext():
                turn, extent = None, None
                if picture.format == "JPEG":
                    turn = _orientation(picture)
                    extent = _draft(picture, turn, decoding)
                picture.load()
                turn = turn or _orientation(picture)
                if picture.format == "PNG" and _may_lack_rows(picture) and is_truncated(data):
                    raise Unreadable("unreadable: image file is truncated")
                return _render(picture, turn, extent, decoding)
    except (Unreadable, ColourFoundError):
        raise
    except Image.DecompressionBombError:
        pillows_limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise Unreadable(_too_many_pixels(min(decoding.max_pixels, pillows_limit))) from None
    except UnidentifiedImageError:
        other = unread_format_reason(data)
        raise Unreadable(other or f"unreadable: none of {', '.join(_USUAL_FORMATS)}") from None
    except MemoryError:
        raise Unreadable(NO_MEMORY) from None
    except Exception as error:  # Pillow raises nearly any type for a damaged file
        raise Unreadable(f"unreadable: {_short_reason(error)}") from None


def usual_size(data: bytes, max_pixels: int) -> tuple[int, int, bool] | None:
    """Return a picture's height and width, and whether it is stored in colour, by its header.

    A picture that is stored in colour may be grey nevertheless: all its channels may be equal.

    Args:
        data: The content of the file.
        max_pixels: The largest picture that is decoded.

    Returns:
        The size after EXIF orientation; None for a file that is none, or too large a picture.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > max_pixels:
                return None
            # Pillow gives a TIFF's size turned, and decodes a PNG to look for EXIF data at its end.
            if "exif" in picture.info and picture.format != "TIFF":
                turned = _orientation(picture) in _QUARTER_TURNS
                width, height = (height, width) if turned else (width, height)
            grey = picture.mode in _GREY_MODES or picture.mode[:1] in ("I", "F")
            return height, width, not grey
    except Exception:  # Pillow raises nearly any type for a damaged file; decoding names the reason
        return None


def _draft(
    picture: Image.Image, turn: Image.Transpose | None, decoding: Decoding
) -> tuple[float, float] | None:
    """Have a JPEG decoded at a fraction of its size if it is to be shrunk far more.

    Returns:
        The picture's width and height in pixels of the fraction, not rounded; None if it is
        decoded as it is.
    """
    width, height = decoding.width, decoding.height
    if turn in _QUARTER_TURNS:
        width, height = height, width
    wanted = (
        max(math.ceil(width * _DRAFT_MARGIN), picture.width // _SMALLEST_DRAFT, 1),
        max(math.ceil(height * _DRAFT_MARGIN), picture.height // _SMALLEST_DRAFT, 1),
    )
    if picture.format != "JPEG" or min(picture.width // wanted[0], picture.height // wanted[1]) < 2:
        return None
    # The luminance alone is decoded where no colours are wanted.
    grey = decoding.mode == "L" and not decoding.only_grey and picture.mode == "RGB"
    drafted = picture.draft("L" if grey else None, wanted)
    return None if drafted is None else drafted[1][2:]


def _render(
    picture: Image.Image,
    turn: Image.Transpose | None,
    extent: tuple[float, float] | None,
    decoding: Decoding,
) -> NDArray[np.uint8]:
    """Return a loaded picture's pixels in the wanted mode and size, H x W x C, uint8.

    Args:
        picture: As it is stored.
        turn: What makes it upright.
        extent: The width and height of what it shows, if a draft has a part of a pixel more.
        decoding: What to decode to.

    Raises:
        Unreadable: It has pixels that are not read.
        ColourFoundError: It has colours, and must not.
    """
    height, width, channels = decoding.shape
    picture = _to_8_bits(picture)
    must_be_checked = decoding.only_grey and picture.mode not in _GREY_MODES
    image = _flatten(picture, "RGB" if must_be_checked else decoding.mode, decoding.background)
    upright = (height, width) if turn in _QUARTER_TURNS else (width, height)
    image = _resized(image, upright, extent or image.size, decoding)
    if turn is not None:  # after resizing, which is faster
        image = image.transpose(turn)
    if must_be_checked:
        bands = [band.tobytes() for band in image.split()]
        if bands.count(bands[0]) < len(bands):
            raise ColourFoundError
        image = image.getchannel(0)
    pixels = np.frombuffer(image.tobytes(), np.uint8)  # twice as fast as np.asarray
    return pixels.reshape(height, width, channels)


def _resized(
    image: Image.Image, size: tuple[int, int], extent: tuple[float, float], decoding: Decoding
) -> Image.Image:
    """Return an image resized by bilinear interpolation.

    When shrinking, Pillow's filter is antialiased: it averages all covered pixels. Lanczos and
    bicubic are sharper, but overshoot at edges (ringing).

    Args:
        image: In the wanted mode.
        size: Width and height to resize to.
        extent: Width and height that are shown of the image, from its upper left corner.
        decoding: What becomes of another aspect ratio, and the background of padding.
    """
    if image.size == size:
        return image
    (width, height), (shown_width, shown_height) = size, extent
    bilinear = Image.Resampling.BILINEAR
    if decoding.aspect == "crop":
        scale = min(shown_width / width, shown_height / height)
        left = max(0.0, (shown_width - width * scale) / 2)
        top = max(0.0, (shown_height - height * scale) / 2)
        return image.resize(size, bilinear, (left, top, shown_width - left, shown_height - top))
    if decoding.aspect == "pad":
        scale = min(width / shown_width, height / shown_height)
        inner = (max(1, round(shown_width * scale)), max(1, round(shown_height * scale)))
        ground = Image.new(image.mode, size, decoding.background)
        inside = image.resize(inner, bilinear, (0, 0, *extent))
        ground.paste(inside, ((width - inner[0]) // 2, (height - inner[1]) // 2))
        return ground
    return image.resize(size, bilinear, (0, 0, *extent))


def _may_lack_rows(picture: Image.Image) -> bool:
    """Return whether rows may be missing in a PNG: Pillow leaves missing rows at zero.

    True for a picture whose last row is zero, and for every interlaced one: in these the last row
    is not the last to be stored.
    """
    last = picture.crop((0, picture.height - 1, picture.width, picture.height))
    return bool(picture.info.get("interlace")) or not any(last.tobytes())


def _orientation(picture: Image.Image) -> Image.Transpose | None:
    """Return what makes a picture upright by its EXIF orientation; None if it is, or unknown."""
    if not picture.info:  # no EXIF data; a TIFF's are elsewhere, but Pillow turns it itself
        return None
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises nearly any type for damaged metadata
        return None
    return _TRANSPOSES.get(orientation) if isinstance(orientation, int) else None


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


def _flatten(picture: Image.Image, mode: str, background: str) -> Image.Image:
    """Return a picture in a mode, ``L`` or ``RGB``, composited on the background if transparent."""
    if picture.has_transparency_data:
        colour = picture.info.get("transparency")
        if isinstance(colour, tuple) and max(colour) > 255:  # a 16-bit colour; pixels are 8-bit
            picture.info["transparency"] = tuple(value >> 8 for value in colour)
        picture = picture.convert("RGBA")
        ground = Image.new("RGBA", picture.size, background)
        picture = Image.alpha_composite(ground, picture)
    return picture if picture.mode == mode else picture.convert(mode)


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
