"""Which values a trial has: drawn, of a grid, or learned from earlier trials."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from regbench.regularizers.base import Choice
from regbench.study.search import Searched
from regbench.tuning import points
from regbench.tuning.joint import FIRST_DRAWN, SWITCH
from regbench.tuning.points import Values

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

    from regbench.tuning.search import Plan


def ask(plan: "Plan", study: "optuna.Study", point: int) -> "tuple[optuna.Trial, Values] | None":
    """Return a new trial and the values of its settings; None if all points of a grid are made.

    The values of the first are none: it is the technique as it is.

    Args:
        plan: What is searched.
        study: Has the earlier trials.
        point: The trial's number, from 0.
    """
    if plan.joint and point > FIRST_DRAWN and plan.tuning.sampler == "tpe":
        study.sampler = _learning(plan, point)
        trial = study.ask()
        numbers = plan.joint.numbers(point, lambda of: _suggested(trial, of))
        return trial, _rounded(plan, numbers)
    values = _known_values(plan, point)
    distributions = {of.label: _distribution(of) for of in plan.searched}
    if values is not None:
        from regbench.tuning.samplers import given  # noqa: PLC0415 - imports Optuna

        if plan.joint:
            distributions = {label: distributions[label] for label in values}
        study.sampler = given(values, distributions)
    elif plan.tuning.sampler == "grid":
        return None
    else:
        study.sampler = _learning(plan, point)
    trial = study.ask(distributions)
    return trial, _rounded(plan, trial.params) if point else {}


def _known_values(plan: "Plan", point: int) -> Values | None:
    """Return the values of a point that is known beforehand; None if it is learned, or is none."""
    tuning = plan.tuning
    if not point:
        if plan.joint:
            return plan.joint.start()
        return {of.label: points.clipped(of, of.own) for of in plan.searched}
    if plan.joint:
        return plan.joint.drawn(point)
    if tuning.sampler == "grid":
        return plan.grid[point - 1] if point <= len(plan.grid) else None
    if tuning.sampler == "quasi_random":
        return points.quasi_random(plan.searched, point - 1, tuning.seeds[0])
    return None


def _learning(plan: "Plan", point: int) -> "optuna.samplers.BaseSampler":
    """Return TPE, which learns from earlier trials (Bergstra et al., 2011).

    A seed of each point's own: a search that was interrupted goes on as it would have.
    """
    import optuna  # noqa: PLC0415 - slow to import

    seed = plan.tuning.seeds[0] + point
    if plan.joint:  # conditional: settings that are on together are learned together
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, n_startup_trials=1
        )
    return optuna.samplers.TPESampler(seed=seed, multivariate=True)


def _suggested(trial: "optuna.Trial", searched: Searched) -> Any:
    """Return the value that a trial suggests for a setting."""
    over = searched.over if searched.setting else SWITCH
    if isinstance(over, Choice):
        return trial.suggest_categorical(searched.label, over.values)
    if searched.whole:
        return trial.suggest_int(searched.label, int(over.low), int(over.high), log=over.log)
    return trial.suggest_float(searched.label, over.low, over.high, log=over.log)


def _rounded(plan: "Plan", values: Mapping[str, Any]) -> Values:
    """Return the values of settings, those of drawn numbers with as many digits as count."""
    found = plan.joint.values(dict(values)) if plan.joint else values
    return {
        of.label: points.rounded(of, found[of.label]) for of in plan.searched if of.label in found
    }


def _distribution(searched: Searched) -> "BaseDistribution":
    from optuna import distributions  # noqa: PLC0415

    over = searched.over if searched.setting else SWITCH
    if isinstance(over, Choice):
        return distributions.CategoricalDistribution(over.values)
    if searched.whole:
        return distributions.IntDistribution(int(over.low), int(over.high), log=over.log)
    return distributions.FloatDistribution(over.low, over.high, log=over.log)
