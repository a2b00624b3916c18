"""Types of settings: bounded numbers, names, and models that refuse unknown keys."""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)
from pydantic_core import PydanticCustomError

MAX_SEED = 2**31 - 1  # accepted by all random generators
MAX_COUNT = 10**9  # of whatever is counted: more than any computer trains, holds or shows
MAX_EPOCHS = 10**6
MAX_FACTOR = 1e38  # about the largest number that float32 holds
YEAR = 365 * 24 * 60  # minutes


def _no_truth_value(value: Any) -> Any:
    """Refuse bool as a number: ``l2: true`` would be a factor of 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("number", "must be a number")
    return value


def _each_once(seeds: list[int]) -> list[int]:
    if len(set(seeds)) < len(seeds):
        raise PydanticCustomError("seeds", "must name every seed once")
    return seeds


Float = Annotated[float, BeforeValidator(_no_truth_value)]
Int = Annotated[int, BeforeValidator(_no_truth_value)]
Share = Annotated[Float, Field(ge=0, le=1)]  # of 1
Points = Annotated[Float, Field(ge=0, le=100)]  # percentage points
# Of a penalty or a step: too large a one is a training that diverges, which results say.
Factor = Annotated[Float, Field(gt=0, le=MAX_FACTOR)]
Count = Annotated[Int, Field(ge=1, le=MAX_COUNT)]
Units = Annotated[Int, Field(ge=1, le=10**6)]  # of a layer, or filters
Epochs = Annotated[Int, Field(ge=1, le=MAX_EPOCHS)]
Seed = Annotated[Int, Field(ge=0, le=MAX_SEED)]
Seeds = Annotated[list[Seed], Field(min_length=1), AfterValidator(_each_once)]
Name = Annotated[str, Field(min_length=1)]
Side = Annotated[Int, Field(ge=1, le=4096)]  # pixels


def counted_seeds(value: Any, most: int, otherwise: str) -> Any:
    """Return the seeds of a setting that may be their number: of 3, ``[1, 2, 3]``.

    Args:
        value: As it is written; a list is returned as it is.
        most: The largest number of seeds.
        otherwise: What else is allowed, for the message.
    """
    if isinstance(value, list):
        return value
    if type(value) is not int or not 1 <= value <= most:
        raise PydanticCustomError("seeds", f"must be a number from 1 to {most}, {otherwise}")
    return list(range(1, value + 1))


class Settings(BaseModel):
    """Immutable settings that refuse unknown keys, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class Range:
    """A setting's search range: uniform from low to high, or log-uniform if ``log``."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class Choice:
    """A setting's search range: one of these values."""

    values: tuple[Any, ...]


def network_names(value: Any) -> list[str]:
    """Return the names of networks: one, a list, or words, as ``--params`` takes no lists.

    Raises:
        PydanticCustomError: There is none, or one twice.
    """
    names = value.split() if isinstance(value, str) else value
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        wrong = "must name an entry of networks, such as mlp, or several of them"
        raise PydanticCustomError("network", wrong)
    if len(set(names)) < len(names):
        raise PydanticCustomError("network", "must name every network once")
    return names
