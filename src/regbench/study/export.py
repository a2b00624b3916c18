"""Settings of the export of a network to formats of other programs."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from regbench.fields import Count, Name, Settings
from regbench.networks.formats.registry import FORMATS

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]


class Export(Settings):
    """In which formats a network is exported, and what its model card says of its licence."""

    formats: Annotated[list[FormatName], Field(min_length=1)]
    calibration_images: Count  # train images that give formats of integers the ranges of values
    licence: Name | None

    @field_validator("formats", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        """Accept words separated by spaces: ``--params`` takes no lists."""
        names = value.split() if isinstance(value, str) else value
        if isinstance(names, list) and len(set(map(str, names))) < len(names):
            raise PydanticCustomError("formats", "must name every format once")
        return names
