"""What ``airflow.yml`` may say; that Airflow does so is tested in tests_extra/schedule."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from regbench.errors import SettingsError
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_schedules

BASE: dict[str, Any] = yaml.safe_load((PROJECT / "conf/base/airflow.yml").read_text())["default"]
MakeConf = Callable[..., Path]


def problems(*, other: Any = None, **changed: Any) -> list[str]:
    entries = {"default": BASE | changed} | ({"l2": other} if other is not None else {})
    with pytest.raises(InvalidStudy) as caught:
        read_schedules(entries)
    return [f"{'.'.join(problem.path)}: {problem.message}" for problem in caught.value.problems]


def test_a_pipelines_own_values_are_on_top_of_the_default() -> None:
    schedules = read_schedules({"default": BASE, "l2": {"retries": 4}})
    assert schedules["l2"].retries == 4
    assert schedules["l2"].model_copy(update={"retries": BASE["retries"]}) == schedules["default"]


@pytest.mark.parametrize(
    "schedule", ["@daily", "@once", "* * * * *", "*/10 2-4 1,15 * MON", "0  2 * * *", None]
)
def test_schedules_that_airflow_takes(schedule: str | None) -> None:
    read_schedules({"default": BASE | {"schedule": schedule}})


@given(st.text(st.characters(categories=["L", "N", "P"]), min_size=1))
def test_a_single_word_is_no_schedule(word: str) -> None:
    if not word.startswith("@"):
        (problem,) = problems(schedule=word)
        assert problem.startswith("default.schedule: must be a cron expression of five fields")


def test_every_wrong_value_is_named() -> None:
    found = problems(
        schedule="0 2 * *",
        timezone="Berlin",
        retries=-1,
        retry_delay=0,
        max_active_runs=0,
        only_missing_outputs="perhaps",
        params={"images": None},
    )
    keys = {problem.split(":")[0].removeprefix("default.").split(".")[0] for problem in found}
    assert keys == {
        *("schedule", "timezone", "retries", "retry_delay", "max_active_runs"),
        *("only_missing_outputs", "params"),
    }
    assert "default.timezone: must be a time zone such as UTC or Europe/Berlin, not 'Berlin'" in (
        found
    )
    (unknown,) = problems(other={"retires": 2})
    assert unknown.startswith("l2.retires: unknown key; allowed: schedule, timezone, owner")
    assert unknown.endswith("did you mean 'retries'?")
    assert problems(other=3) == ["l2: must be a mapping"]


def test_the_loader_merges_key_by_key_and_names_the_file(own_conf: MakeConf) -> None:
    conf = own_conf(airflow={"default": {"retries": 3}})

    def read() -> dict[str, Any]:
        found: dict[str, Any] = StudyConfigLoader(str(conf), **CONFIG_LOADER_ARGS)["airflow"]
        return found

    assert read() == {"default": BASE | {"retries": 3}}
    (conf / "local/airflow.yml").write_text("default: {retries: some}\n")
    with pytest.raises(SettingsError) as caught:
        read()
    assert caught.value.message == (
        f"{conf}/local/airflow.yml: default.retries: must be a whole number, not 'some'"
    )
