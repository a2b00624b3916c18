"""What belongs to a seed if every seed has its own split, and how far splits differ."""

import numpy as np
import pandas as pd
import pytest

from regbench.errors import StudyError
from regbench.evaluation.corruption import all_rows, corrupted_of_seed
from regbench.evaluation.resampling import (
    Resampling,
    fitted_of_seed,
    in_several_parts,
    parts_shown,
    resampling_of,
    seeds_of,
    split_of_seed,
)


def index(**by_column: list[str]) -> pd.DataFrame:
    categories = ["train", "validation", "test"]
    splits = {
        name: pd.Categorical(parts, categories=categories) if name != "split" else parts
        for name, parts in by_column.items()
    }
    return pd.DataFrame(splits)


T, V, J = "train", "validation", "test"
SINGLE = index(split=[T, T, V, J])
OWN = index(split=[T, T, V, J], split_seed_1=[J, T, V, T], split_seed_7=[T, J, V, T])


def test_a_single_split_is_that_of_every_seed() -> None:
    assert seeds_of(SINGLE) == []
    assert split_of_seed(SINGLE, 3) is SINGLE
    assert resampling_of(SINGLE) is None
    assert fitted_of_seed({"offset": [0.0]}, 3) == {"offset": [0.0]}
    assert fitted_of_seed([1, 2], 3) == [1, 2]
    assert fitted_of_seed(None, 3) is None


def test_of_several_each_seed_has_its_own() -> None:
    assert seeds_of(OWN) == [1, 7]
    own = split_of_seed(OWN, 7)
    assert own["split"].tolist() == [T, J, V, T]
    assert own.columns.tolist() == ["split"]
    assert own["split"].dtype == OWN["split"].dtype


def test_another_seed_has_none_and_is_told_the_way_out() -> None:
    with pytest.raises(StudyError, match="for the seeds 1, 7, and not for 2; uv run kedro run"):
        split_of_seed(OWN, 2)
    with pytest.raises(StudyError, match="nothing was fitted for seed 2; uv run kedro run"):
        fitted_of_seed({"seed_1": {}}, 2)


def test_what_is_fitted_is_by_seed() -> None:
    assert fitted_of_seed({"seed_1": "one", "seed_12": "twelve"}, 1) == "one"
    arrays = {"seed_1.mean": 1, "seed_12.mean": 12, "seed_12.matrix": 13}
    assert fitted_of_seed(arrays, 12) == {"mean": 12, "matrix": 13}


def test_the_ratio_is_of_judged_images_to_train_images() -> None:
    assert resampling_of(OWN) == Resampling(judged_is_fixed=False, variance_ratio=1 / 2)
    unequal = OWN.assign(split_seed_7=pd.Categorical([T, J, V, J]))
    assert resampling_of(unequal) == Resampling(False, pytest.approx((1 / 2 + 2 / 1) / 2))


def test_where_the_judged_images_stay_nothing_is_to_be_corrected() -> None:
    fixed = index(split=[T, T, V, J], split_seed_1=[V, T, T, J], split_seed_2=[T, V, T, J])
    assert resampling_of(fixed) == Resampling(judged_is_fixed=True, variance_ratio=0.0)


def test_parts_that_differ_are_said_to_vary() -> None:
    assert parts_shown(SINGLE).tolist() == [T, T, V, J]
    assert parts_shown(OWN).tolist() == ["varies", "varies", V, T]


def test_a_group_in_several_parts_of_any_split_is_found() -> None:
    groups = OWN.assign(group=[1, 1, 2, 2])
    assert in_several_parts(groups, "group").tolist() == [True, True, True, True]
    whole = index(split=[T, J, V, V], split_seed_1=[T, T, V, V], split_seed_2=[V, V, T, T])
    assert not in_several_parts(whole.assign(group=[1, 1, 2, 2]), "group").any()


def test_a_seed_is_judged_on_corrupted_images_of_its_own_judged_part() -> None:
    corrupted = np.arange(2 * 4).reshape(2, 4, 1)  # 2 corruptions of the rows 3, 5, 6, 9
    by_seed = {"seed_1": [5, 9], "seed_2": [3, 5, 6]}
    assert all_rows(by_seed).tolist() == [3, 5, 6, 9]
    found, rows = corrupted_of_seed(corrupted, by_seed, 1)
    assert rows.tolist() == [5, 9]
    assert found[:, :, 0].tolist() == [[1, 3], [5, 7]]
    found, rows = corrupted_of_seed(corrupted, [3, 5, 6, 9], 1)
    assert found is corrupted
    assert rows.tolist() == [3, 5, 6, 9]
