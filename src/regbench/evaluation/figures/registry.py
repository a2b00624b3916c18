"""All figures, found by looking into this folder."""

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
        ValueError: Two figures have one name.
    """
    found: dict[str, Figure] = {}
    for name, module in modules_of(_PACKAGE).items():
        if name in _NO_FIGURES:
            continue
        declared = getattr(module, "FIGURES", None)
        if not (isinstance(declared, tuple) and all(isinstance(of, Figure) for of in declared)):
            raise TypeError(f"{module.__file__}: FIGURES is to be a tuple of figures")
        for figure in declared:
            if figure.name in found:
                raise ValueError(f"{module.__file__}: there is another figure {figure.name!r}")
            found[figure.name] = figure
    return tuple(sorted(found.values(), key=lambda figure: (figure.position, figure.name)))


def single(shown: Shown) -> tuple[Figure, ...]:
    """Return the figures of one number that are shown somewhere."""
    return tuple(of for of in figures() if not of.setting and shown in of.shown)


def by_setting(shown: Shown) -> tuple[Figure, ...]:
    """Return the figures with a number for each setting that are shown somewhere."""
    return tuple(of for of in figures() if of.setting and shown in of.shown)


def named(name: str) -> Figure:
    """Return a figure by its name.

    Raises:
        KeyError: There is none.
    """
    return {figure.name: figure for figure in figures()}[name]
