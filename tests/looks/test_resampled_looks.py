"""Staged looks where every seed has its own split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.conftest import COMPARED
from tests.looks import small_study
from tests.looks.small_study import LOOKS, TEST_IMAGES, Run, comparison, trained


def test_the_looks_allow_for_what_splits_share(run: Run, tmp_path: Path) -> None:
    small_study.draw_images(tmp_path / "images")
    settings = small_study.study(tmp_path / "images")
    settings["protocol"]["split"]["resample"] = True
    run(selection=COMPARED, **settings)
    root = tmp_path / "data"
    index = pd.read_parquet(root / "03_primary/split_index.parquet")
    assert {f"split_seed_{seed}" for seed in range(1, LOOKS[-1] + 1)} <= set(index)
    table = comparison(root)
    assert set(table["scope"]) == {"sets like this one"}
    assert table.loc["l1", "verdict"] == "worse"
    assert trained(root)["l1"] == [1, 2, 3]
    # The twin's differences are 0 and count as spread by half an image: the uncorrected interval is
    # that of Nadeau and Bengio, and the one that the verdict is read from is wider.
    twin = table.loc["twin"]
    ratio = TEST_IMAGES / (index["split"] == "train").sum()
    error = 0.5 / TEST_IMAGES * np.sqrt(1 / twin["pairs"] + ratio)
    half_width = stats.t(df=twin["pairs"] - 1).ppf(0.975) * error
    assert twin["plain_high"] == pytest.approx(half_width)
    assert twin["plain_low"] == pytest.approx(-half_width)
    assert twin["difference_high"] > twin["plain_high"]
