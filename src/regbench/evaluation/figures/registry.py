"""All figures, discovered in this folder."""

from functools import cache

from regbench.evaluation.figures.base import Figure, Shown, figures_of
from regbench.metrics.registry import METRICS
from regbench.registry import modules_of

_PACKAGE = __name__.rpartition(".")[0]
_NO_FIGURES = {"base", "registry"}
# Columns that are no figures, in a training's record, the comparison or the history.
TAKEN = frozenset(
    (
        *("network", "technique", "seed", "status", "reason", "fingerprint"),
        *("trainings", "failed_trainings", "missing_trainings", "failed_seeds"),
        *("difference", "difference_sd", "difference_low", "difference_high"),
        *("p_value", "p_adjusted", "bootstrap_low", "bootstrap_high", "win_share"),
        *("detectable_difference", "verdict", "published_accuracy", "metric", "largest_class"),
        *("scope", "variance_ratio", "verdict_over_images"),
        *("pairs", "stopped_at", "futile", "further_seeds", "saved_trainings"),
        *("plain_low", "plain_high"),
        *("schema", "run", "time", "run_seconds", "versions", "alarms", "findings"),
        *("images_train", "images_validation", "images_test", "rejected"),
        *("data", "split", "protocol", "training", "evaluation", "settings"),
        *("part", "accuracy", "accuracy_sd", "accuracy_low", "accuracy_high"),
    )
)


@cache
def figures() -> tuple[Figure, ...]:
    """Return every figure in the order of columns: those declared here, and every metric's.

    A file of this folder may declare a metric's figure itself, to show it elsewhere.

    Raises:
        TypeError: A file of this folder declares no ``FIGURES``.
        ValueError: Two figures have the same name, or one that another column has.
    """
    by_name: dict[str, Figure] = {}
    for name, module in modules_of(_PACKAGE).items():
        if name in _NO_FIGURES:
            continue
        declared = getattr(module, "FIGURES", None)
        if not (isinstance(declared, tuple) and all(isinstance(item, Figure) for item in declared)):
            raise TypeError(f"{module.__file__}: FIGURES is to be a tuple of figures")
        for figure in declared:
            if figure.name in by_name:
                raise ValueError(f"{module.__file__}: there is another figure {figure.name!r}")
            if figure.name in TAKEN:
                raise ValueError(f"{module.__file__}: {figure.name!r} is another column's name")
            by_name[figure.name] = figure
    for metric in METRICS.values():
        for figure in figures_of(metric):
            by_name.setdefault(figure.name, figure)
    return tuple(sorted(by_name.values(), key=lambda figure: (figure.position, figure.name)))


def single(shown: Shown) -> tuple[Figure, ...]:
    """Return the figures of a single number that are shown in a place."""
    return tuple(figure for figure in figures() if not figure.setting and shown in figure.shown)


def by_setting(shown: Shown) -> tuple[Figure, ...]:
    """Return the figures with a number for each setting that are shown in a place."""
    return tuple(figure for figure in figures() if figure.setting and shown in figure.shown)


def named(name: str) -> Figure:
    """Return a figure by its name.

    Raises:
        KeyError: There is no such figure.
    """
    return {figure.name: figure for figure in figures()}[name]
