"""Settings of the report: how techniques are judged, and published figures to show beside them."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator

from regbench.fields import Float, Name, Settings, Share
from regbench.metrics.base import POINTS
from regbench.metrics.registry import METRICS

if TYPE_CHECKING:
    MetricName = str
else:
    MetricName = Literal[tuple(METRICS)]


class Publication(Settings):
    """Published accuracy and claim of a technique."""

    accuracy: Share
    claim: str | None = None
    says: Literal["better", "not better"] | None = None
    not_comparable: Annotated[str | None, Field(description="why, if it is not")] = None


USUAL_BAND = 0.5  # percentage points; conf/base has it


class Reporting(Settings):
    """How the comparison is judged, and published figures to show beside it."""

    metric: MetricName  # decides the headline, the tests, the best on validation and the stop
    equivalence_band: Annotated[Float, Field(ge=0, le=100, description="percentage points")]
    equivalence_band_nats: Annotated[
        Float, Field(ge=0, le=1000, description="where the metric is in nats")
    ]
    published: dict[str, Publication]
    failed: Annotated[list[Name], Field(description="techniques that a scheduler saw fail")]
    mute: list[Name] = Field(default_factory=list)  # codes of the doctor's checks

    @property
    def band(self) -> float:
        """The band of practical equivalence in the metric's stored unit: a share of 1, or nats."""
        metric = METRICS[self.metric]
        band = self.equivalence_band if metric.unit == POINTS else self.equivalence_band_nats
        return band / metric.factor

    @field_validator("failed", "mute", mode="before")
    @classmethod
    def _words(cls, value: Any) -> Any:
        """Accept words separated by spaces: ``--params`` takes no lists."""
        return value.split() if isinstance(value, str) else value
