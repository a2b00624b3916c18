"""Settings of the verification of a bundle."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Int, Seed, Settings


class Verify(Settings):
    """How much of a bundle is trained again."""

    trainings: Annotated[Int, Field(ge=0)] | Literal["all"]
    draw: Seed  # another number draws other trainings

    @field_validator("trainings", mode="before")
    @classmethod
    def _number_or_all(cls, value: Any) -> Any:
        """Refuse all else in one line; of two kinds of values, each would have its own."""
        if value == "all" or (type(value) is int and value >= 0):
            return value
        raise PydanticCustomError("trainings", "must be a whole number from 0, or all")
