"""Settings of the recommendation."""

from typing import Annotated

from pydantic import Field

from regbench.fields import YEAR, Float, Int, Settings


class Recommend(Settings):
    """How long the stepwise combination may take, and how far it goes."""

    minutes: Annotated[Float, Field(gt=0, le=YEAR)]  # no training is begun that would end later
    max_techniques: Annotated[Int, Field(ge=1, le=1000)]  # put together, at most
    candidates: Annotated[
        Int, Field(ge=1, le=1000)
    ]  # tried in a step, at most: those that gain most alone
    fresh_seeds: bool  # the last comparison, on test images, with seeds that chose nothing
    workers: Annotated[Int, Field(ge=1, le=64)]  # trainings side by side
