"""Settings of the recommendation."""

from typing import Annotated

from pydantic import Field

from regbench.fields import Count, Float, Int, Settings


class Recommend(Settings):
    """How long the stepwise combination may take, and how far it goes."""

    minutes: Annotated[Float, Field(gt=0)]  # no training is begun that would end later
    max_techniques: Count  # put together, at most
    candidates: Count  # tried in a step, at most: those that gain most alone
    fresh_seeds: bool  # the last comparison, on test images, with seeds that chose nothing
    workers: Annotated[Int, Field(ge=1, le=64)]  # trainings side by side
