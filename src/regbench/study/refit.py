"""Settings of the refit: the network to ship, trained on more of the labelled images."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Name, Seeds, Settings, counted_seeds

PARTS = ("train", "validation", "test")


class Refit(Settings):
    """Which technique is trained again, on which split parts, with which seeds."""

    technique: Name  # or ``best``: on validation
    network: Name  # of a study of several; or ``best``
    parts: Annotated[list[Literal["train", "validation", "test"]], Field(min_length=1)]
    seeds: Seeds

    @field_validator("parts", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        """Accept words separated by blanks: ``--params`` takes no lists."""
        return value.split() if isinstance(value, str) else value

    @field_validator("parts")
    @classmethod
    def _train_among_them(cls, value: list[str]) -> list[str]:
        """Return the parts in their order, each once."""
        if "train" not in value:
            raise PydanticCustomError("parts", "must have train among them")
        return [part for part in PARTS if part in value]

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: Any) -> Any:
        """Accept a number of seeds: 3 is ``[1, 2, 3]``."""
        return counted_seeds(value, 100, "or a list of seeds")
