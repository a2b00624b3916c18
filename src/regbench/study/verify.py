"""Settings of the verification of a bundle."""

from typing import Annotated, Literal

from pydantic import Field

from regbench.fields import Int, Seed, Settings


class Verify(Settings):
    """How much of a bundle is trained again."""

    trainings: Annotated[Int, Field(ge=0)] | Literal["all"]
    draw: Seed  # another number draws other trainings
