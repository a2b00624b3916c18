"""Numbers, names and times in the doctor's sentences."""

import math
from collections.abc import Sequence

_MOST_NAMES = 4


def points(share: float) -> str:
    """Return a share of 1 in percentage points with its sign: '+1.20 points'."""
    return f"{100 * share:+.2f} points".replace("-", "−")


def percent(share: float) -> str:
    """Return a share of 1 in percent: '68.5 %'."""
    return f"{100 * share:.1f} %"


def names(of: Sequence[str]) -> str:
    """Return names as a sentence lists them: 'a', 'a and b', 'a, b, c, d and 3 others'."""
    shown = list(of[:_MOST_NAMES])
    if more := len(of) - len(shown):
        shown.append(f"{more} other{'s' if more > 1 else ''}")
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def price(minutes: float | None) -> str:
    """Return what a command takes: 'seconds, nothing is trained', 'about 3 minutes'."""
    if minutes is None:
        return "how long is not known before a training; --pipelines=pilot tells"
    if minutes == 0:
        return "seconds, nothing is trained"
    if minutes < 1:
        return "less than a minute"
    if minutes < 90:
        whole = math.ceil(minutes)
        return f"about {whole} minute{'s' if whole > 1 else ''}"
    hours = minutes / 60
    return f"about {hours:.1f} hours" if hours < 10 else f"about {math.ceil(hours):,} hours"
