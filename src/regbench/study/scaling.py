"""Settings of the learning curve and of the comparison of network sizes."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import MAX_COUNT, Float, Int, Name, Settings

ALL = "all"

Draws = Annotated[Int, Field(ge=3, le=100)]
Factor = Annotated[Float, Field(gt=0, le=16)]


def _words(value: Any) -> Any:
    """Return words as a list, numbers among them as such: ``--params`` takes no lists."""
    if isinstance(value, str):
        value = [_number(word) for word in value.split()]
    elif not isinstance(value, list):
        value = [value]
    if len({str(each) for each in value}) < len(value):
        raise PydanticCustomError("words", "must name each once")
    return value


def _number(word: str) -> int | float | str:
    if word.isdecimal():
        return int(word)
    return float(word) if re.fullmatch(r"\d*\.\d+", word) else word


def _size(value: Any) -> Any:
    if value == ALL or (type(value) is int and 1 <= value <= MAX_COUNT):
        return value
    raise PydanticCustomError("size", f"must be a number of images from 1 to {MAX_COUNT}, or all")


Size = Annotated[Any, BeforeValidator(_size)]


class LearningCurve(Settings):
    """On how many train images which techniques are trained."""

    techniques: Annotated[list[Name], Field(min_length=1)]
    sizes: Annotated[list[Size], Field(min_length=1)]
    draws: Draws
    length: Literal["steps", "epochs"]

    _lists = field_validator("techniques", "sizes", mode="before")(_words)


class NetworkSize(Settings):
    """Which networks are trained, with and without a technique."""

    networks: list[Name] | None
    scales: Annotated[list[Factor], Field(min_length=1)]
    technique: Name
    draws: Draws

    _lists = field_validator("scales", mode="before")(_words)

    @field_validator("networks", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return None if value is None else _words(value)
