"""Settings of Airflow's schedules: ``airflow.yml``."""

import re
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from regbench.fields import YEAR, Count, Float, Int, Name, Settings

_CRON = re.compile(r"\S+( +\S+){4}")
_PRESETS = ("@once", "@continuous", "@hourly", "@daily", "@weekly", "@monthly", "@yearly")


def _known_schedule(value: str) -> str:
    if value in _PRESETS or _CRON.fullmatch(value):
        return value
    raise PydanticCustomError(
        "schedule", f"must be a cron expression of five fields, or one of {', '.join(_PRESETS)}"
    )


def _known_timezone(value: str) -> str:
    if value in available_timezones():
        return value
    raise PydanticCustomError("timezone", "must be a time zone such as UTC or Europe/Berlin")


Minutes = Annotated[Float, Field(gt=0, le=YEAR)]


class Schedule(Settings):
    """When Airflow runs a pipeline, and the limits and retries of its tasks."""

    schedule: Annotated[Name, AfterValidator(_known_schedule)] | None  # None: only by hand
    timezone: Annotated[Name, AfterValidator(_known_timezone)]
    owner: Name
    retries: Annotated[Int, Field(ge=0, le=1000)]
    retry_delay: Minutes
    execution_timeout: Minutes
    max_active_runs: Count
    max_active_tasks: Count
    only_missing_outputs: bool
    task_per_seed: bool
    params: dict[Name, str | int | float | bool]
