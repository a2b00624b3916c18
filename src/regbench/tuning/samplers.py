"""An Optuna sampler whose values are given. Importing it imports Optuna."""

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial


class _Given(BaseSampler):
    def __init__(self, values: dict[str, Any], space: dict[str, BaseDistribution]) -> None:
        self._values, self._space = values, space

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the distributions of the values."""
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the values."""
        return self._values

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Raise: all values are given."""
        raise KeyError(param_name)


def given(values: dict[str, Any], space: dict[str, BaseDistribution]) -> BaseSampler:
    """Return a sampler of a trial with these values.

    Args:
        values: By name.
        space: Their distributions.
    """
    return _Given(values, space)
