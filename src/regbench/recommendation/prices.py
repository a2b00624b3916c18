"""What a training will take, from those that there are."""

from collections import deque
from collections.abc import Callable

from regbench.recommendation.combination import Combination

_MARGIN = 1.3  # evaluation, and what else runs beside
_START = 3.0  # seconds
_LATEST = 3  # trainings that the estimates follow: the machine may be busy for a while


class Prices:
    """Estimates of the seconds that trainings take, evaluation included."""

    def __init__(
        self,
        seconds: Callable[[Combination], float | None],
        baseline: Combination,
        techniques: dict[str, Combination],
    ) -> None:
        """Take what is known.

        Args:
            seconds: Returns what trainings of a combination took; None without any.
            baseline: The baseline.
            techniques: By name.
        """
        self._seconds, self._baseline, self._techniques = seconds, baseline, techniques
        self._margins: deque[float] = deque([_MARGIN], _LATEST)
        self._overheads: deque[float] = deque([_START], _LATEST)

    def of(self, combination: Combination) -> float | None:
        """Return the estimate for a combination; None if nothing is known.

        One without trainings takes as much more than the baseline as its techniques together:
        their ratios multiply, as those of an ensemble do; at least as much more as it has networks.

        What trainings took beyond their estimates is either a share of them, on a busy machine, or
        the same for each, as a start takes. The less counts: a training of seconds that began
        slowly says little on one of minutes, and one that takes too long is stopped anyway.
        """
        estimate = self._plain(combination)
        if estimate is None:
            return None
        share = _START + max(self._margins) * estimate
        return min(share, max(self._overheads) + _MARGIN * estimate)

    def learn(self, combination: Combination, took: float) -> None:
        """Take note of what a training took from beginning to end, in seconds."""
        plain = self._plain(combination)
        if plain:
            self._margins.append(max(1.0, (took - _START) / plain))
            self._overheads.append(max(0.0, took - plain))

    def _plain(self, combination: Combination) -> float | None:
        own = self._seconds(combination)
        if own is not None:
            return own
        base = self._seconds(self._baseline)
        known = [
            seconds
            for name in combination.techniques
            if (seconds := self._seconds(self._techniques[name])) is not None
        ]
        if base is None or base <= 0:
            return max(known, default=None)
        ratio = 1.0
        for seconds in known:
            ratio *= max(1.0, seconds / base)
        return base * max(ratio, float(combination.networks))
