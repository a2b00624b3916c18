"""Whole studies in which every seed has its own split."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.conftest import REPORTED

from regbench.evaluation.corruption import CORRUPTIONS
from regbench.evaluation.resampling import split_of_seed
from regbench.images import normalization
from regbench.regularizers.zca import Whitening

Run = Callable[..., dict[str, Any]]
RESAMPLED = {"split": {"resample": True}, "seeds": [1, 2], "epochs": 1}
TECHNIQUES = dict.fromkeys(("l1", "l2", "augmentation", "dropout", "zca_dropout"))
TECHNIQUES |= dict.fromkeys(("early_stopping", "batch_normalization"))
TECHNIQUES |= {"dropout_augmentation": None}  # baseline and zca are left


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root of a study of the baseline and zca with two seeds."""
    root = tmp_path_factory.mktemp("resampled") / "data"
    run_in(root, protocol=RESAMPLED, techniques=TECHNIQUES)
    return root


def split_of(root: Path, seed: int) -> pd.DataFrame:
    index = pd.read_parquet(root / "03_primary/split_index.parquet")
    return split_of_seed(index, seed)


def predictions(root: Path, technique: str, seed: int) -> pd.DataFrame:
    """Of validation and test images; the hardest train images are kept, too."""
    path = root / f"07_model_output/{technique}/seed_{seed}/predictions.parquet"
    return pd.read_parquet(path).query("split != 'train'")


def load_json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_a_seed_has_the_same_split_with_every_technique_and_another_seed_another(
    study: Path,
) -> None:
    judged = {}
    for seed in (1, 2):
        split = split_of(study, seed)
        for technique in ("baseline", "zca"):
            made = predictions(study, technique, seed)
            expected = split[split["split"] != "train"].sort_values("filename")
            found = made.sort_values("filename")
            assert found["filename"].tolist() == expected["filename"].tolist()
            assert found["split"].tolist() == expected["split"].tolist()
        judged[seed] = set(split.loc[split["split"] == "test", "filename"])
        assert len(judged[seed]) == 45
    assert judged[1] != judged[2]


def test_what_is_fitted_is_fitted_on_the_seeds_own_train_images(study: Path) -> None:
    images = np.load(study / "02_intermediate/images.npy")
    fitted = load_json(study / "04_feature/normalization.json")
    with np.load(study / "04_feature/zca.npz") as stored:
        zca = dict(stored)
    from keras.models import load_model

    for seed in (1, 2):
        train = np.flatnonzero(split_of(study, seed)["split"] == "train")
        low, high = images[train].min(), images[train].max()
        assert fitted[f"seed_{seed}"] == {"offset": [float(low)], "scale": [float(high - low)]}
        expected = normalization.fit_zca(
            images, train, fitted[f"seed_{seed}"], Whitening(epsilon=0.01)
        )
        np.testing.assert_array_equal(zca[f"seed_{seed}.matrix"], expected["matrix"])
        network = load_model(study / f"06_models/zca/seed_{seed}.keras")
        np.testing.assert_array_equal(network.get_layer("zca").get_weights()[0], expected["matrix"])
    assert (zca["seed_1.matrix"] != zca["seed_2.matrix"]).any()


def test_corrupted_images_are_test_images_of_the_seed(study: Path) -> None:
    by_seed = load_json(study / "04_feature/corrupted_rows.json")
    corrupted = np.load(study / "04_feature/corrupted_images.npy", mmap_mode="r")
    every = sorted({row for rows in by_seed.values() for row in rows})
    assert corrupted.shape[:2] == (len(CORRUPTIONS), len(every))
    for seed in (1, 2):
        split = split_of(study, seed)
        assert by_seed[f"seed_{seed}"] == np.flatnonzero(split["split"] == "test").tolist()


def test_the_report_says_what_verdicts_are_about(study: Path) -> None:
    report = (study / "08_reporting/report.html").read_text()
    assert "Every seed has its own split, so a verdict is about sets like this one." in report
    assert "times 1/n + 0.214 instead of 1/n" in report  # 45 judged, 210 trained on
    assert "drawn anew for every seed; the same for all techniques" in report
    assert "45 images with each seed, others each time" in report
    assert "Not shown: every seed has its own split" in report
    comparison = pd.read_csv(study / "08_reporting/comparison.csv")
    assert set(comparison["scope"]) == {"sets like this one"}
    assert comparison["variance_ratio"].tolist() == pytest.approx([45 / 210] * 2)
    assert "bootstrap_low" not in comparison


def test_one_more_seed_trains_only_that_one(
    study: Path, run_in: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = tmp_path / "data"
    shutil.copytree(study, root)
    before = {file: file.stat().st_mtime_ns for file in (root / "06_models").rglob("*.keras")}
    one_more = RESAMPLED | {"seeds": [1, 2, 5]}
    options = {"protocol": one_more, "techniques": TECHNIQUES, "only_missing_outputs": True}
    run_in(root, "baseline", "zca", **options)
    after = {file: file.stat().st_mtime_ns for file in (root / "06_models").rglob("*.keras")}
    assert {file: after[file] for file in before} == before
    assert {str(file.relative_to(root)) for file in after.keys() - before.keys()} == {
        f"06_models/{technique}/seed_5.keras" for technique in ("baseline", "zca")
    }
    pd.testing.assert_frame_equal(split_of(root, 2), split_of(study, 2))
    assert len(predictions(root, "zca", 5)) == 90
    caplog.set_level(logging.INFO)
    caplog.clear()
    run_in(root, "baseline", "zca", **options)
    assert "training 1 of" not in caplog.text
    # A single split is another one: everything is trained again.
    run_in(
        root,
        "baseline",
        protocol={"seeds": [1, 2], "epochs": 1},
        techniques=TECHNIQUES,
        only_missing_outputs=True,
    )
    assert "2 stored trainings are made again, since these have changed: the split" in caplog.text
    assert "split_seed_1" not in pd.read_parquet(root / "03_primary/split_index.parquet")


def test_folds_judge_every_image_once(run: Run, tmp_path: Path) -> None:
    folds = {"split": {"folds": 3}, "seeds": 3, "epochs": 1}
    run("baseline", "dropout", "reporting", protocol=folds, selection=REPORTED)
    root = tmp_path / "data"
    judged = [
        predictions(root, "dropout", seed).query("split == 'test'")["filename"]
        for seed in (1, 2, 3)
    ]
    index = pd.read_parquet(root / "03_primary/split_index.parquet")
    assert sorted(pd.concat(judged)) == sorted(index["filename"])
    report = (root / "08_reporting/report.html").read_text()
    assert "test is one of 3 folds; after 3 seeds the images are cut into folds anew" in report
    # Of the 200 images besides the fold 35 are validation: 0.15 / 0.85 of them.
    assert "times 1/n + 0.606 instead of 1/n" in report  # 100 / 165


@pytest.fixture
def given_set(small_set: Path, tmp_path: Path) -> Path:
    """The small set with a given test part, and a column of patients with six images each."""
    root = tmp_path / "given"
    shutil.copytree(small_set, root)
    table = pd.read_csv(root / "Train/train.csv", dtype=str)
    table["patient"] = [f"p{row // 60}_{row % 10}" for row in range(len(table))]
    table["split"] = ["test" if row % 300 >= 240 else "train" for row in range(len(table))]
    table.to_csv(root / "Train/train.csv", index=False)
    return root


def test_given_test_images_stay_and_groups_stay_together(
    run: Run, tmp_path: Path, given_set: Path
) -> None:
    run(
        *("baseline", "dropout", "reporting"),
        images=str(given_set),
        protocol=RESAMPLED | {"split": {"resample": True, "group_column": "patient"}},
        selection=REPORTED,
    )
    root = tmp_path / "data"
    one, other = split_of(root, 1), split_of(root, 2)
    for split in (one, other):
        test = split["split"] == "test"
        assert test.tolist() == (split["given_split"] == "test").tolist()
        assert (split.groupby("column:patient")["split"].nunique() == 1).all()
    assert one["split"].tolist() != other["split"].tolist()
    comparison = pd.read_csv(root / "08_reporting/comparison.csv")
    assert set(comparison["scope"]) == {"these judged images"}
    assert "variance_ratio" not in comparison
    assert "bootstrap_low" in comparison  # over the same images with every seed
    report = (root / "08_reporting/report.html").read_text()
    assert "The set gives the judged images" in report
    assert "but for the test images, which are those that the set gives" in report
