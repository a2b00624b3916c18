"""Fingerprints where every seed has its own split: other seeds change none, other splits do."""

from typing import Any

import numpy as np
import pandas as pd
from tests.study.test_fingerprints import study

from regbench.study.fingerprints import digests_of_preparation, fingerprint_of_data

IMAGES = np.zeros((4, 2, 2, 1), np.uint8)
INDEX = pd.DataFrame(
    {
        "filename": [f"{row}.png" for row in range(4)],
        "label": ["cat", "dog"] * 2,
        "split": ["train", "train", "validation", "test"],
    }
)
SETTINGS = {"method": "auto", "train": 0.7, "seed": 0, "resample": True, "folds": None}


def split_digest(index: pd.DataFrame = INDEX, **changes: Any) -> str:
    return fingerprint_of_data(IMAGES, index, ["cat", "dog"], SETTINGS | changes)["split"]


def test_a_split_for_every_seed_is_another_than_one_for_all() -> None:
    assert split_digest() != fingerprint_of_data(IMAGES, INDEX, ["cat", "dog"])["split"]


def test_other_settings_count_even_if_they_split_alike() -> None:
    digests = {split_digest(**changes) for changes in ({}, {"seed": 1}, {"folds": 5})}
    assert len(digests) == 3


def test_the_seeds_that_there_are_do_not_count() -> None:
    more = INDEX.assign(split_seed_1=INDEX["split"], split_seed_2=INDEX["split"].iloc[::-1])
    assert split_digest(more) == split_digest()


def test_another_way_of_drawing_counts() -> None:
    assert split_digest(INDEX.assign(split=INDEX["split"].tolist()[::-1])) != split_digest()


def test_the_preparation_depends_on_the_seeds_only_if_each_has_its_own_split() -> None:
    single = digests_of_preparation(study())
    assert "seeds" not in single
    assert digests_of_preparation(study(protocol__seeds=[7])) == single
    own, other = (
        digests_of_preparation(study(protocol__split__resample=True, protocol__seeds=seeds))
        for seeds in ([1, 2], [1, 2, 3])
    )
    assert own["seeds"] != other["seeds"]
    assert {key for key in own if own[key] != other[key]} == {"seeds"}
    assert {key for key in single if single[key] != own[key]} == {"split"}
