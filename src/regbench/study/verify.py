"""Settings of the verification of a bundle."""

from typing import Any, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import MAX_COUNT, Seed, Settings

ALL = "all"


class Verify(Settings):
    """How much of a bundle is trained again."""

    trainings: int | Literal["all"]
    draw: Seed  # another number draws other trainings

    @field_validator("trainings", mode="before")
    @classmethod
    def _number_or_all(cls, value: Any) -> Any:
        """Refuse anything else in one line: a union would give one for each of its types."""
        if value == ALL or (type(value) is int and 0 <= value <= MAX_COUNT):
            return value
        raise PydanticCustomError(
            "trainings", f"must be a whole number from 0 to {MAX_COUNT}, or all"
        )
