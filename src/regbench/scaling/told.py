"""What a learning curve or a comparison of network sizes tells at the terminal."""

from collections.abc import Mapping
from typing import Any


def lines(found: Mapping[str, Any], page: str) -> list[str]:
    """Return sentences and notes, and where the page is, a line each.

    Args:
        found: The learning curve, or the comparison of network sizes, as stored.
        page: The page's file or address.
    """
    return [*found["sentences"], *found["notes"], f"picture and table: {page}"]
