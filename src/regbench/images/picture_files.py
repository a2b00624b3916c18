"""Which files of a set are pictures, by their names."""

from functools import cache

from PIL import Image

# Raw formats of cameras. Many are TIFF files, of which Pillow would read the small preview.
_CAMERA_RAW = frozenset(
    {
        *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq"),
        *(".kdc", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw"),
        *(".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
    }
)
# Pictures that Pillow does not read, or not by itself.
_OTHER_PICTURES = frozenset(
    {
        *(".avif", ".avifs", ".exr", ".hdr", ".heic", ".heics", ".heif", ".heifs", ".hif"),
        *(".jxl", ".psb", ".psd", ".svg", ".svgz", ".xcf"),
    }
)
# What Pillow reads a picture from, but which rarely is one.
_NO_PICTURES = frozenset({".bufr", ".grib", ".h5", ".hdf", ".iim", ".mpeg", ".mpg"})


def is_picture(name: str) -> bool:
    """Return whether a file has a picture's suffix, or is a link to a folder (name ends in /).

    Formats that cannot be read count: a picture that a person put there is rejected by name, and
    not passed over.
    """
    return name.endswith("/") or name[name.rfind(".") :].lower() in picture_suffixes()


@cache
def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of pictures, in lower case, with their dot."""
    suffixes = Image.registered_extensions().items()
    opened = {suffix for suffix, kind in suffixes if kind in Image.OPEN}
    return frozenset(opened - _NO_PICTURES) | _OTHER_PICTURES | _CAMERA_RAW


def camera_raw_reason(name: str) -> str | None:
    """Return why a camera's raw file is rejected, by its suffix; None for other files."""
    suffix = name[name.rfind(".") :].lower()
    if suffix not in _CAMERA_RAW:
        return None
    return f"unreadable: {suffix[1:].upper()}, a camera's raw format; save it as JPEG or PNG"
