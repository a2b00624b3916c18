"""The search of a technique's settings: trial after trial, until its budget is spent."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import ValidationError

from regbench.errors import StudyError, explanation
from regbench.metrics.registry import METRICS
from regbench.regularizers.base import Choice
from regbench.study.search import Searched
from regbench.study.tuning import Tuning
from regbench.tuning import points
from regbench.tuning.ask import ask
from regbench.tuning.joint import Joint
from regbench.tuning.made import EPOCHS, POINT, Made, note
from regbench.tuning.points import Values

if TYPE_CHECKING:
    import optuna

logger = logging.getLogger(__name__)

_LEAST_TRIALS, _TRIALS_PER_SETTING = 8, 4  # with a score, for the importance of settings


class Scored(NamedTuple):
    """What a trial came to.

    Attributes:
        score: The metric on the validation images.
        epochs: Trained, of all networks together.
        seconds: Of training and scoring.
    """

    score: float
    epochs: int
    seconds: float


class FailedTrialError(Exception):
    """A training came to no score, such as one whose loss stopped being finite."""


@dataclass(frozen=True)
class Plan:
    """A technique's search.

    Attributes:
        technique: Its name.
        searched: Its settings.
        tuning: Budget, sampler, pruner, seeds.
        metric: That scores, a name of ``METRICS``.
        settings: Returns the technique's plain regularizers with some values; without values, as
            they are in the study.
        train: Trains these with a seed. Calls its third argument after every epoch with the
            epoch's number and the metric on validation images.
        epochs: Returns how many epochs such a training takes, if nothing ends it earlier.
        joint: Of a joint search, the conditional space that ``searched`` lists.
    """

    technique: str
    searched: Sequence[Searched]
    tuning: Tuning
    metric: str
    settings: Callable[[Values], dict[str, Any]]
    train: Callable[[Mapping[str, Any], int, Callable[[int, float], None]], Scored]
    epochs: Callable[[Mapping[str, Any]], int]
    joint: Joint | None = None

    def planned(self, settings: Mapping[str, Any]) -> int:
        """Return how many epochs a trial takes, of all seeds, if nothing ends it earlier."""
        return self.epochs(settings) * len(self.tuning.seeds)

    @cached_property
    def grid(self) -> list[Values]:
        """The points of a grid, besides the technique as it is."""
        budget = self.tuning.budget
        trials = self.most_trials
        if budget.rule == "epochs":
            trials = budget.epochs // self.planned(self.settings({}))
        return points.grid(self.searched, trials - 1) if self.searched else []

    @property
    def most_trials(self) -> int:
        """The number of trials by the rule ``per_setting``; the first is the technique as it is."""
        return max(1, self.tuning.budget.trials_per_setting * len(self.searched))


def check_budget(plan: Plan) -> None:
    """Check that the budget allows at least the technique as it is, and the grid if there is one.

    Raises:
        StudyError: It does not.
    """
    needed, budget = plan.planned(plan.settings({})), plan.tuning.budget
    if budget.rule == "epochs" and needed > budget.epochs:
        raise StudyError(
            f"parameters_tuning.yml: tuning.budget.epochs: {budget.epochs} are fewer than the "
            f"{needed} epochs of one trial of {plan.technique}; set it to {needed} or more"
        )
    if plan.tuning.sampler == "grid":
        _ = plan.grid


def search(plan: Plan, study: "optuna.Study") -> dict[str, Any]:
    """Make the trials that the budget still allows; return what all of them found.

    The first trial is the technique as it is. Trials that an earlier search has made are not made
    again; one whose process ended is.

    Args:
        plan: What to search.
        study: Has the earlier trials, and keeps the new ones.

    Returns:
        See ``outcome``.

    Raises:
        StudyError: The technique cannot be trained as it is, or results cannot be written.
    """
    import optuna  # noqa: PLC0415 - slow to import

    check_budget(plan)
    for left in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(left.number, state=optuna.trial.TrialState.FAIL)
    study.pruner = _pruner(plan)
    made = Made(study.get_trials(deepcopy=False))
    while True:
        point, spent = made.next_point, made.spent
        if not _may_begin(plan, point, spent) or (asked := ask(plan, study, point)) is None:
            break
        trial, values = asked
        settings: dict[str, Any] = {}
        try:
            settings = plan.settings(values)
            if plan.tuning.budget.rule == "epochs" and (
                spent + plan.planned(settings) > plan.tuning.budget.epochs
            ):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)  # of no point: no trial
                break
            trial.set_user_attr(POINT, point)
            ended = _make(plan, study, trial, values, settings)
        except optuna.exceptions.UpdateFinishedTrialError:
            raise StudyError(
                f"{plan.technique}: another search of it, with the same trials, has begun "
                "meanwhile and goes on in place of this one; a technique is searched by one "
                "machine at a time"
            ) from None
        except Exception as error:
            reason = _reason(error, is_first=not point)
            spent_on_it = plan.planned(settings) if settings else 0
            trial.set_user_attr(POINT, point)
            note(trial, values, spent_on_it, 0.0, reason)
            ended = study.tell(trial, state=optuna.trial.TrialState.FAIL)
            logger.warning("%s, trial %d: failed: %s", plan.technique, point + 1, reason)
        made.add(ended)
    return outcome(plan, study)


def outcome(plan: Plan, study: "optuna.Study") -> dict[str, Any]:
    """Return what the trials of a study found, as plain values.

    Returns:
        ``technique``, ``study`` (its name), ``metric``, ``rule`` and ``budget``; ``searched``: for
        each setting its label, its ``own`` value in the study, and its range; of a joint search
        ``candidates``, the regularizers that may be on; ``trials``: point,
        state (complete, pruned, failed), score, epochs, seconds, values by label, and of failed
        ones the reason; ``epochs`` and ``seconds`` of all; ``own_score`` of the technique as it
        is; ``best``: the point, score and regularizers of the best complete trial, the first of
        equals, or None; ``importance``: shares of the score's variance by label.
    """
    trials = Made(study.get_trials(deepcopy=False)).trials()
    gain = METRICS[plan.metric].gain
    complete = [trial for trial in trials if trial["state"] == "complete"]
    best = max(complete, key=lambda trial: (gain(trial["score"]), -trial["point"]), default=None)
    own: Mapping[str, Any] = next((of for of in trials if not of["point"]), {})
    return {
        **_heading(plan, study.study_name),
        "trials": trials,
        "epochs": sum(trial["epochs"] for trial in trials),
        "seconds": sum(trial["seconds"] for trial in trials),
        "own_score": own.get("score"),
        "best": best
        and {
            "point": best["point"],
            "score": best["score"],
            "regularizers": plan.settings(best["values"]),
        },
        "importance": _importance(study, complete, plan.searched),
    }


def nothing_found(plan: Plan, reason: str) -> dict[str, Any]:
    """Return the ``outcome`` of a search that failed as a whole, with the ``reason``."""
    empty = {"trials": [], "epochs": 0, "seconds": 0.0, "own_score": None, "best": None}
    return {**_heading(plan, ""), **empty, "importance": {}, "reason": reason}


def _heading(plan: Plan, study: str) -> dict[str, Any]:
    """Return what an outcome says of the search itself."""
    budget = plan.tuning.budget
    return {
        "technique": plan.technique,
        "study": study,
        "metric": plan.metric,
        "rule": budget.rule,
        "budget": budget.epochs if budget.rule == "epochs" else budget.trials_per_setting,
        "sampler": plan.tuning.sampler,
        "searched": [described(of) for of in plan.searched],
        **({"candidates": list(plan.joint.candidates)} if plan.joint else {}),
    }


def _make(
    plan: Plan,
    study: "optuna.Study",
    trial: "optuna.Trial",
    values: Values,
    settings: Mapping[str, Any],
) -> "optuna.trial.FrozenTrial":
    """Train a trial with all seeds and tell the study its score; return it as it has ended."""
    import optuna  # noqa: PLC0415

    scores: list[Scored] = []
    first, begun = plan.tuning.seeds[0], {EPOCHS: 0}

    def on_epoch(number: int, value: float) -> None:
        begun[EPOCHS] = number
        trial.report(value, number)
        if trial.should_prune():
            raise optuna.TrialPruned

    point = trial.user_attrs[POINT] + 1
    try:
        for seed in plan.tuning.seeds:
            watched = seed == first and plan.tuning.pruner is not None
            scores.append(plan.train(settings, seed, on_epoch if watched else _unwatched))
    except optuna.TrialPruned:
        note(trial, values, begun[EPOCHS], 0.0)
        logger.info("%s, trial %d: ended in epoch %d", plan.technique, point, begun[EPOCHS])
        return study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    score = sum(of.score for of in scores) / len(scores)
    epochs, seconds = sum(of.epochs for of in scores), sum(of.seconds for of in scores)
    note(trial, values, epochs, seconds)
    ended = study.tell(trial, score)
    logger.info(
        "%s, trial %d: validation %s %.4f (%d epochs, %.1f s)",
        *(plan.technique, point, METRICS[plan.metric].title, score, epochs, seconds),
    )
    return ended


def _unwatched(number: int, value: float) -> None:
    """Take an epoch's figures, and do nothing."""


def _may_begin(plan: Plan, point: int, spent: int) -> bool:
    """Return whether the budget allows another trial, as far as known before its settings are."""
    if point and not plan.searched:
        return False
    if plan.tuning.budget.rule == "epochs":
        return spent < plan.tuning.budget.epochs
    return point < plan.most_trials


def _pruner(plan: Plan) -> "optuna.pruners.BasePruner":
    import optuna  # noqa: PLC0415

    if plan.tuning.pruner == "median":
        return optuna.pruners.MedianPruner()
    if plan.tuning.pruner == "hyperband":
        most = plan.epochs(plan.settings({}))
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=most)
    return optuna.pruners.NopPruner()


def _reason(error: Exception, *, is_first: bool) -> str:
    """Return why a trial failed.

    Raises:
        Exception: ``error``, if no other trial would do better: the technique cannot be trained as
            it is, or the disk is full.
    """
    if isinstance(error, FailedTrialError):
        return str(error)
    explained = explanation(error)
    if explained is not None and (is_first or not isinstance(error, StudyError)):
        raise error
    if isinstance(error, ValidationError):
        return "; ".join(detail["msg"] for detail in error.errors())
    return explained.message if explained else f"{type(error).__name__}: {error}"


def described(searched: Searched) -> dict[str, Any]:
    """Return a searched setting as plain values: its label, its own value and its range."""
    over = searched.over
    described = (
        {"values": list(over.values)}
        if isinstance(over, Choice)
        else {"low": over.low, "high": over.high, "log": over.log}
    )
    return {"setting": searched.label, "own": searched.own, **described}


def _importance(
    study: "optuna.Study", complete: Sequence[Mapping[str, Any]], searched: Sequence[Searched]
) -> dict[str, float]:
    """Return each setting's share of the score's variance, by label; empty if it cannot be told.

    A forest that is fitted to a few trials tells their noise.

    Hutter et al., An Efficient Approach for Assessing Hyperparameter Importance, 2014.
    """
    import optuna  # noqa: PLC0415

    enough = max(_LEAST_TRIALS, _TRIALS_PER_SETTING * len(searched))
    if len(complete) < enough or len({trial["score"] for trial in complete}) < 2 or not searched:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}
