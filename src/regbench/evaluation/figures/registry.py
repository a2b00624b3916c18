"""All figures, discovered in this folder."""

from functools import cache

from regbench.evaluation.figures.base import Figure, Shown
from regbench.registry import modules_of

_PACKAGE = __name__.rpartition(".")[0]
_NO_FIGURES = {"base", "registry"}


@cache
def figures() -> tuple[Figure, ...]:
    """Return every figure in the order of columns.

    Raises:
        TypeError: A file of this folder declares no ``FIGURES``.
        ValueError: Two figures have the same name.
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
            by_name[figure.name] = figure
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
