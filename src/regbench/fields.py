"""The types of settings: numbers with bounds, names, and models that refuse unknown keys."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

MAX_SEED = 2**31 - 1  # what all generators take


def _no_truth_value(value: Any) -> Any:
    """Keep ``l2: true``, by analogy with ``zca: true``, from meaning a factor of 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


Float = Annotated[float, BeforeValidator(_no_truth_value)]
Int = Annotated[int, BeforeValidator(_no_truth_value)]
Share = Annotated[Float, Field(ge=0, le=1)]
Points = Annotated[Float, Field(ge=0, le=100)]  # percentage points
Count = Annotated[Int, Field(ge=1)]
Seed = Annotated[Int, Field(ge=0, le=MAX_SEED)]
Name = Annotated[str, Field(min_length=1)]
Side = Annotated[Int, Field(ge=1, le=4096)]


class Settings(BaseModel):
    """Settings that refuse unknown keys and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
