"""Settings of the search for each technique's best settings."""

import re
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Count, Float, Int, Name, Seeds, Settings


class Budget(Settings):
    """How much is tried for each technique."""

    rule: Literal["epochs", "per_setting"]
    epochs: Count  # of rule epochs: so many epochs for every technique
    trials_per_setting: Annotated[
        Int, Field(ge=1, le=1_000_000)
    ]  # of rule per_setting: so many trials for each searched setting

    @property
    def in_words(self) -> str:
        """The rule and its amount, such as '300 epochs for every technique'."""
        if self.rule == "epochs":
            return f"{self.epochs} epochs for every technique"
        return f"{self.trials_per_setting} trials for each searched setting"


class Cocktail(Settings):
    """The joint search over regularizers, each on or off, for the technique ``cocktail``."""

    search: bool = False
    candidates: Literal["all", "study"] | list[Name] = "all"
    sampler: Literal["tpe", "quasi_random"] = "tpe"
    budget_factor: Annotated[
        Float, Field(gt=0, le=10_000, description="of a technique's budget")
    ] = 1.0

    @field_validator("candidates", mode="before")
    @classmethod
    def _keys_or_a_word(cls, value: Any) -> Any:
        """Accept words separated by spaces: ``--params`` takes no lists."""
        words = value.split() if isinstance(value, str) else value
        if words in (["all"], ["study"]):
            return words[0]
        if isinstance(words, list) and words and all(isinstance(word, str) for word in words):
            return list(dict.fromkeys(words))
        raise PydanticCustomError("candidates", "must be all, study, or a list of regularizers")


class Tuning(Settings):
    """How each technique's settings are searched; on validation images alone.

    ``search`` replaces ranges that the regularizers declare: by technique (or ``every``),
    regularizer and setting. Its form is checked by ``study.search``, which knows what is searched.
    ``fixed`` is written by a search: by technique, the name of the one that is it as it was.
    """

    budget: Budget
    sampler: Literal["quasi_random", "tpe", "grid"]
    pruner: Literal["median", "hyperband"] | None
    seeds: Seeds
    storage: Name | None
    search: dict[str, Any]
    fixed: dict[str, Name]
    cocktail: Cocktail = Cocktail()

    @field_validator("storage")
    @classmethod
    def _without_password(cls, value: str | None) -> str | None:
        """Refuse a password: settings are shown in reports."""
        if value and re.search(r"://[^/@]*:[^/@]+@", value):
            raise PydanticCustomError(
                "password", "must not hold a password: ~/.pgpass, ~/.my.cnf and the like are for it"
            )
        return value

    @field_validator("seeds", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """Accept one seed in place of a list: ``--params`` takes no lists."""
        return value if isinstance(value, list) else [value]
