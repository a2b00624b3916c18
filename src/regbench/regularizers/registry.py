"""All regularizers, discovered in this package."""

from regbench.registry import subclasses_in
from regbench.regularizers.base import DECLARED, FAMILIES, Regularizer

REGULARIZERS: dict[str, type[Regularizer]] = subclasses_in(
    "regbench.regularizers",
    Regularizer,
    required=DECLARED,
)

for _kind in REGULARIZERS.values():
    if not _kind.acts():  # a method's name is mistaken: it would train the baseline, unnoticed
        raise TypeError(f"{_kind.__module__}: {_kind.__name__} acts at no place")
    if _kind.family() not in FAMILIES:
        raise TypeError(
            f"{_kind.__module__}: {_kind.__name__} is of the family {_kind.family()!r}; allowed: "
            f"{', '.join(FAMILIES)}"
        )

# What the baseline may have: no regularization, but tuned for every technique alike.
NUISANCE = {key for key, kind in REGULARIZERS.items() if kind.nuisance}


def called(name: str) -> list[str]:
    """Return the keys of the regularizers that a name of Keras, PyTorch or a paper stands for.

    A key in other letters stands for that regularizer alone.
    """
    plain = plain_name(name)
    if same := [key for key in REGULARIZERS if plain_name(key) == plain]:
        return same
    return [
        key
        for key, kind in REGULARIZERS.items()
        if plain and plain in map(plain_name, (kind.title, *kind.aliases))
    ]


def plain_name(name: str) -> str:
    """Return a name's letters and digits after the last dot, in lower case.

    Of ``torch.nn.BatchNorm2d`` it is ``batchnorm2d``.
    """
    last = name.rpartition(".")[2]
    return "".join(letter for letter in last.casefold() if letter.isalnum())
