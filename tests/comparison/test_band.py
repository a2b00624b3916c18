"""The band of practical equivalence is not smaller than one judged image."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from regbench.comparison.band import check_band
from regbench.errors import SettingsError
from regbench.study.reporting import USUAL_BAND, Reporting


def settings(band: float, metric: str = "accuracy") -> Reporting:
    bands: dict[str, Any] = {"equivalence_band": band, "equivalence_band_nats": 0.0}
    return Reporting(metric=metric, published={}, failed=[], **bands)


def split_of(first: int, second: int, part: str = "test") -> pd.DataFrame:
    """Judged images of two classes, and a train image of each."""
    targets = [0] * first + [1] * second + [0, 1]
    parts = [part] * (first + second) + ["train"] * 2
    return pd.DataFrame({"target": targets, "split": parts})


@pytest.mark.parametrize("part", ["test", "validation"])
def test_a_smaller_one_is_refused(part: str) -> None:
    index = split_of(40, 60, part)
    assert check_band(settings(1.0), index) == ""  # one image of a hundred
    with pytest.raises(SettingsError) as refused:
        check_band(settings(0.9), index)
    assert refused.value.message == (
        f"reporting.equivalence_band: 0.9 points are less than one of the 100 {part} images, "
        "1 points: so small a difference cannot be told; must be at least 1"
    )


def test_of_another_metric_one_image_is_another_step() -> None:
    index = split_of(40, 60)
    step = 100 / 60 / 2  # one image of the larger class, in balanced accuracy
    assert check_band(settings(0.9, "balanced_accuracy"), index) == ""
    with pytest.raises(SettingsError, match=r"must be at least 0\.84$"):
        check_band(settings(step - 0.01, "balanced_accuracy"), index)
    assert check_band(settings(0.0, "cross_entropy"), index) == ""  # nats have no such step


def test_the_usual_one_passes_with_a_remark() -> None:
    assert check_band(settings(USUAL_BAND), split_of(100, 100)) == ""
    remark = check_band(settings(USUAL_BAND), split_of(20, 20))
    assert "0.5 points are less than one of the 40 test images, 2.5 points" in remark
    assert "reporting.equivalence_band=2.5" in remark


def test_the_usual_one_is_that_of_conf_base() -> None:
    text = (Path(__file__).parents[2] / "conf/base/parameters_reporting.yml").read_text()
    assert yaml.safe_load(text)["reporting"]["equivalence_band"] == USUAL_BAND
