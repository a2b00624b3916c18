"""The settings of what is kept and watched over many runs: the history and its alarms."""

from typing import Annotated

from pydantic import Field

from regbench.fields import Count, Name, Points, Settings, Share


class History(Settings):
    """How much is kept of earlier runs besides figures and reports."""

    keep_networks: Annotated[Count, Field(description="of the last so many runs")]


class Alarms(Settings):
    """The alarms; null turns one off."""

    technique: Name  # whose accuracy is watched; ``best`` is the best on validation
    drop: Points | None
    floor: Share | None
    rejected: Points | None
    failed: bool
    notify_on_error: bool
