"""All metrics, discovered in this folder."""

from typing import Any

from regbench.metrics.base import Metric
from regbench.registry import modules_of

_PACKAGE = __name__.rpartition(".")[0]
_NO_METRICS = {"base", "registry"}
DEFAULT = "accuracy"  # what decides where nothing else is said


def _discovered() -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for name, module in modules_of(_PACKAGE).items():
        if name in _NO_METRICS:
            continue
        metric = getattr(module, "METRIC", None)
        if not isinstance(metric, Metric) or metric.name != name:
            raise TypeError(f"{module.__file__}: METRIC is to be a metric of the file's name")
        found[name] = metric
    return found


METRICS: dict[str, Metric] = _discovered()


def metric_named(name: Any) -> Metric:
    """Return the metric of this name, or the default one's where no name is stored.

    Args:
        name: As stored in a table: a name, None or NaN.
    """
    return METRICS[name] if isinstance(name, str) else METRICS[DEFAULT]
