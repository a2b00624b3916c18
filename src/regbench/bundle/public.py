"""What a bundle tells of a machine and its user: no paths, addresses or secrets."""

import math
import re
from collections.abc import Mapping
from typing import Any

from regbench.text.redaction import without_secrets

LEFT_OUT = "<left out>"

# The beginning of an absolute path, a home folder's, a share's or a store's address.
_BEGINNING = r"(?:~[/\\]|/(?=\w)|[A-Za-z]:[\\/]|\\\\|[A-Za-z][A-Za-z0-9+.-]*://)"
_ADDRESS = re.compile(_BEGINNING)
_IN_TEXT = re.compile(rf"(?<![\w.:/\\]){_BEGINNING}[^\s'\",;]*")


def public_setting(value: Any) -> Any:
    """Return a setting of plain values; a text that is a path or an address is left out."""
    if isinstance(value, Mapping):
        return {str(key): public_setting(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [public_setting(each) for each in value]
    if isinstance(value, str):
        return LEFT_OUT if _ADDRESS.match(value) else without_secrets(value)
    return value


def public_text(text: str) -> str:
    """Return a message, such as why a training failed, without paths, addresses and secrets."""
    return _IN_TEXT.sub(LEFT_OUT, without_secrets(text))


def plain(value: Any) -> str | int | float | bool | None:
    """Return a table's value as JSON has it; what is missing or no finite number is None."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return public_text(value)
    return value if isinstance(value, bool | int) else None
