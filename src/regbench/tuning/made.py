"""The trials of a search that are done, as they are told one after another."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from regbench.tuning.points import Values

if TYPE_CHECKING:
    import optuna

POINT, EPOCHS = "point", "epochs"
_SECONDS, _VALUES, _REASON = "seconds", "values", "reason"
_FOUND = "found"  # all but the point, which is told before the training
_MOST_ATTEMPTS = 3  # at a trial whose process ended in the middle of it


class Made:
    """What is done of a search, so that the next trial need not look at all earlier ones."""

    def __init__(self, trials: "Iterable[optuna.trial.FrozenTrial]") -> None:
        """Take the trials that there are, in their order."""
        self._by_point: dict[int, dict[str, Any]] = {}
        self._interrupted: Counter[int] = Counter()
        self._next, self._spent = 0, 0
        for trial in trials:
            self.add(trial)

    @property
    def next_point(self) -> int:
        """The number of the first trial that is not done."""
        return self._next

    @property
    def spent(self) -> int:
        """The epochs that the trials have taken."""
        return self._spent

    def trials(self) -> list[dict[str, Any]]:
        """Return the trials in the order of their points, as ``search.outcome`` has them."""
        return [trial for _, trial in sorted(self._by_point.items())]

    def add(self, trial: "optuna.trial.FrozenTrial") -> None:
        """Take note of a trial that has ended; others are passed over.

        One without a reason for its failure was interrupted, and counts after some attempts.
        """
        noted = trial.user_attrs
        if not trial.state.is_finished() or POINT not in noted:
            return
        point, noted = noted[POINT], noted.get(_FOUND, {})
        if trial.state.name == "FAIL" and _REASON not in noted:
            self._interrupted[point] += 1
            times = self._interrupted[point]
            if times >= _MOST_ATTEMPTS and point not in self._by_point:
                reason = f"its process ended {times} times"
                self._keep(
                    {
                        **{POINT: point, "state": "failed", "score": None, EPOCHS: 0},
                        **{_SECONDS: 0.0, _VALUES: {}, _REASON: reason},
                    }
                )
            return
        state = "failed" if trial.state.name == "FAIL" else trial.state.name.lower()
        self._keep(
            {
                POINT: point,
                "state": state,
                "score": trial.value if state == "complete" else None,
                **{name: noted[name] for name in (EPOCHS, _SECONDS, _VALUES)},
                **({_REASON: noted[_REASON]} if state == "failed" else {}),
            }
        )

    def _keep(self, made: dict[str, Any]) -> None:
        before = self._by_point.get(made[POINT])
        self._spent += made[EPOCHS] - (before[EPOCHS] if before else 0)
        self._by_point[made[POINT]] = made
        while self._next in self._by_point:
            self._next += 1


def note(
    trial: "optuna.Trial", values: Values, epochs: int, seconds: float, reason: str | None = None
) -> None:
    """Keep what is known of a trial beside its score, in one transaction."""
    known = {_VALUES: values, EPOCHS: epochs, _SECONDS: seconds}
    trial.set_user_attr(_FOUND, known | ({} if reason is None else {_REASON: reason}))
