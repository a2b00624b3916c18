"""Which files of a set are pictures, by their names."""

from functools import cache

from PIL import Image


def is_picture(name: str) -> bool:
    """Return whether a file has a picture's suffix, or is a link to a folder (name ends in /)."""
    return name.endswith("/") or name[name.rfind(".") :].lower() in picture_suffixes()


@cache
def picture_suffixes() -> frozenset[str]:
    """Return the suffixes of the formats that Pillow opens, in lower case, with their dot."""
    suffixes = Image.registered_extensions().items()
    return frozenset(suffix for suffix, kind in suffixes if kind in Image.OPEN)
