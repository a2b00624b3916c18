"""A network in other formats: the same predictions, and a script that needs no RegBench."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from fsspec.implementations.memory import MemoryFileSystem
from pydantic import ValidationError
from tests.networks.every_kind import ENTRIES, SHAPE, built

from regbench.datasets.network_dataset import NetworkDataset
from regbench.errors import StudyError
from regbench.networks.ensembles import averaged
from regbench.networks.formats import registry
from regbench.networks.formats.base import TOLERANCE, Predict
from regbench.networks.formats.litert import LiteRT
from regbench.storage.stored_file import LocalFile, stored_file
from regbench.study.export import Export
from regbench.use import export
from regbench.use.calibration import tempered

Run = Callable[..., dict[str, Any]]
IMAGES = np.random.default_rng(0).integers(0, 256, (30, *SHAPE), np.uint8)
LABELS = ["a", "b", "c"]
# Called without `training`, its nested batch normalization would take the batch's moments.
ONE = {"pretrained": "saved_model"}
INSTALLED = [name for name, form in registry.FORMATS.items() if not form.packages]


def write(network: keras.Model, folder: Path, *formats: str) -> dict[str, dict[str, Any]]:
    probabilities = network.predict(IMAGES, verbose=0)
    reference = export.Reference(np.arange(30), probabilities, probabilities.argmax(axis=1))
    return export.write_formats(network, formats, IMAGES, reference, IMAGES[:20], folder)


def network_of(kind: str) -> keras.Model:
    if kind == "ensemble":
        return averaged([built("mlp", seed=1), built("mlp", seed=2)], [0.5, 0.5])
    technique = "zca" if kind == "mlp" else None
    return built(kind, technique)


@pytest.mark.parametrize("kind", [*ENTRIES, "ensemble"])
def test_every_kind_of_network_predicts_the_same_once_exported(kind: str, tmp_path: Path) -> None:
    formats = INSTALLED if kind in ("mlp", "ensemble") else [ONE.get(kind, "litert")]
    for name, outcome in write(network_of(kind), tmp_path, *formats).items():
        assert "failed" not in outcome, outcome
        assert outcome["max_difference"] <= (TOLERANCE if name != "litert_int8" else 0.1)
        assert outcome["bytes"] > 1000
        assert outcome["accuracy"] == outcome["agreement"]


def test_a_network_in_mixed_precision_is_written_in_float32(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        network = built("cnn")
    finally:
        keras.config.set_dtype_policy("float32")
    assert 1e-2 > write(network, tmp_path, "litert")["litert"]["max_difference"] > 1e-5
    file = tmp_path / "litert/network.tflite"
    kinds = {d["dtype"].__name__ for d in tf.lite.Interpreter(str(file)).get_tensor_details()}
    assert kinds <= {"uint8", "float32", "int32"}


def test_int8_has_weights_of_8_bits(tmp_path: Path) -> None:
    sizes = {name: of["bytes"] for name, of in write(_wide(), tmp_path, *INSTALLED).items()}
    assert sizes["litert_int8"] < 0.3 * sizes["litert"]


def _wide() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input(SHAPE, dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(400, "relu"),
            keras.layers.Dense(3, "softmax"),
        ]
    )


class Wrong(LiteRT):
    """A converter that makes something else of a network."""

    def load(self, folder: Path) -> Predict:
        predict = super().load(folder)
        return lambda images: predict(images)[:, ::-1]


class Unable(LiteRT):
    """A converter that cannot convert it."""

    def write(self, network: keras.Model, folder: Path, calibration: np.ndarray) -> None:
        (folder / self.file).write_text("half of it")
        raise ValueError("\n\nNo operation 'Fancy'\nand a long explanation")


class FullDisk(LiteRT):
    def write(self, network: keras.Model, folder: Path, calibration: np.ndarray) -> None:
        raise OSError(28, "No space left on device", str(folder))


def test_what_predicts_otherwise_is_not_handed_over_and_the_others_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.FORMATS, "wrong", Wrong)
    monkeypatch.setitem(registry.FORMATS, "unable", Unable)
    written, place = tmp_path / "written", tmp_path / "export"
    written.mkdir()
    for earlier in ("network.tflite", "use.py"):
        (place / "wrong").mkdir(parents=True, exist_ok=True)
        (place / "wrong" / earlier).write_text("of an earlier run")
    network = built("mlp")
    outcomes = write(network, written, "wrong", "litert", "unable")
    assert "from those that the network had when it was evaluated" in outcomes["wrong"]["failed"]
    assert outcomes["unable"] == {"failed": "ValueError: No operation 'Fancy'"}

    ingest = {"aspect": "stretch", "background": "black"}
    about = export.form_of_input(network, LABELS, ingest, temperature=1.0)
    export.hand_over(written, outcomes, LocalFile(place).joinpath, "a card", about)
    found = {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}
    beside = ("model_card.md", "network.json", "network.tflite", "use.py")
    assert found == {f"litert/{name}" for name in beside}
    with pytest.raises(StudyError, match=r"2 of 3 formats could not be exported: wrong \(its pro"):
        export.check_all_exported(outcomes)
    export.check_all_exported({"litert": outcomes["litert"]})


def test_an_export_may_go_to_a_store(tmp_path: Path, store: MemoryFileSystem) -> None:
    network = built("mlp")
    outcomes = write(network, tmp_path, "saved_model")
    about = export.form_of_input(network, LABELS, {"aspect": "crop", "background": "black"}, 1.0)
    place = stored_file("memory://bucket/export")
    for _ in range(2):  # the second time in place of the first
        export.hand_over(tmp_path, outcomes, place.joinpath, "a card", about)
    found = [path.removeprefix("/bucket/export/saved_model/") for path in store.find("/bucket")]
    beside = ("model_card.md", "network.json", "use.py")
    variables = ("variables.data-00000-of-00001", "variables.index")
    written = ["fingerprint.pb", "saved_model.pb", *(f"variables/{name}" for name in variables)]
    assert sorted(found) == sorted([*beside, *(f"network/{name}" for name in written)])


def test_a_network_without_stored_predictions_is_compared_with_itself() -> None:
    network = built("mlp")
    split_index = pd.DataFrame({"split": ["train"] * 10 + ["test"] * 20, "target": range(30)})
    reference = export.own_reference(network, IMAGES, split_index, unseen=False)
    np.testing.assert_array_equal(reference.rows, np.arange(10, 30))
    own = network.predict(IMAGES[10:], verbose=0)
    np.testing.assert_allclose(reference.probabilities, own, atol=1e-6)
    assert (reference.targets == -1).all()  # it was trained on them: no accuracy
    reference = export.own_reference(network, IMAGES, split_index, unseen=True)
    assert reference.targets.tolist() == list(range(10, 30))
    drawn = export.calibration_images(IMAGES, split_index, 4)
    assert len(drawn) == 4
    assert all((drawn[i] == IMAGES[:10]).all(axis=(1, 2, 3)).any() for i in range(4))


def test_stored_predictions_of_other_images_are_refused() -> None:
    predictions = pd.DataFrame({"filename": ["gone.png"], "split": ["test"]})
    with pytest.raises(StudyError, match="are not of the images at hand; train it again"):
        export.stored_reference(predictions, pd.DataFrame({"filename": ["a.png"], "target": [0]}))


def test_a_full_disk_is_no_fault_of_the_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.FORMATS, "litert", FullDisk)
    with pytest.raises(OSError, match="No space left"):
        write(built("mlp"), tmp_path, "litert")


def test_a_missing_package_is_named_with_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _: None)
    registry.check_installed(INSTALLED)
    said = "onnx needs tf2onnx and onnxruntime, of the extra 'export': `uv sync --extra export`"
    with pytest.raises(StudyError, match=said):
        registry.check_installed(["litert", "onnx"])


OTHERS = dict.fromkeys(
    (
        *("l1", "dropout", "augmentation", "zca", "early_stopping", "batch_normalization"),
        *("zca_dropout", "dropout_augmentation"),
    )
)
SETTINGS: dict[str, Any] = {
    "techniques": OTHERS,
    "evaluation": {"robustness_images": 5},
    "ingest": {"size": 12},
}


@pytest.fixture(scope="module")
def study(run_in: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small study whose best network is exported and labels the unlabelled images."""
    root = tmp_path_factory.mktemp("exported") / "data"
    run_in(root, "baseline", "l2", **SETTINGS)
    run_in(root, "prediction", **SETTINGS)
    formats = "saved_model litert_int8"
    run_in(root, "export", **SETTINGS, export={"formats": formats, "licence": "CC-BY-4.0"})
    return root


def chosen(study: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((study / "07_model_output/chosen_network.json").read_text())
    return found


def test_the_example_labels_pictures_as_the_study_does_and_knows_no_regbench(
    study: Path, small_set: Path, tmp_path: Path
) -> None:
    labelled = pd.read_csv(
        study / "07_model_output/unlabeled_predictions.csv", dtype={"label": str}
    )
    pictures = [str(small_set / "Train/Images/test" / name) for name in labelled["filename"]]
    folder = tmp_path / "saved_model"
    shutil.copytree(study / "07_model_output/export/saved_model", folder)
    about = json.loads((folder / "network.json").read_text())
    found = json.loads((study / "07_model_output/calibration.json").read_text())
    assert about["temperature"] == found["temperature"]
    (folder / "network.json").write_text(json.dumps(about | {"temperature": 2.5}))
    script = folder / "use.py"
    assert "regbench" not in script.read_text().lower()
    title, *code = (line for line in script.read_text().splitlines() if line)
    assert title.startswith('"""Label pictures:')
    assert len(code) == 15
    ran = subprocess.run(
        [sys.executable, "-I", str(script), *pictures],
        capture_output=True,
        text=True,
        check=True,
        cwd=study,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    told = [line.rsplit(" ", 2) for line in ran.stdout.splitlines()]
    assert [name for name, _, _ in told] == pictures
    assert [label for _, label, _ in told] == labelled["label"].tolist()
    # Its confidence is calibrated; the network's probabilities are as they are.
    file = study / f"06_models/{chosen(study)['file']}.keras"
    unlabeled = np.load(study / "02_intermediate/unlabeled.npy")
    own = NetworkDataset(filepath=str(file)).load().predict(unlabeled, verbose=0)
    confidence = [float(shown) for _, _, shown in told]
    np.testing.assert_allclose(confidence, tempered(own, 2.5).max(axis=1), atol=1e-4)


def test_beside_each_network_lie_its_card_and_the_form_of_its_input(study: Path) -> None:
    folder = study / "07_model_output/export"
    file = chosen(study)["file"]
    outcomes = json.loads((folder / "exports.json").read_text())
    assert set(outcomes) == {"saved_model", "litert_int8"}
    predictions = pd.read_parquet(study / f"07_model_output/{file}/predictions.parquet")
    test = predictions[predictions["split"] == "test"]
    accuracy = (test["label"] == test["predicted"]).mean()
    assert outcomes["saved_model"]["accuracy"] == pytest.approx(accuracy)
    assert outcomes["saved_model"]["max_difference"] <= TOLERANCE

    for name in outcomes:
        card = (folder / name / "model_card.md").read_text()
        assert card == (folder / "model_card.md").read_text()
        assert "Licence: CC-BY-4.0" in card
        assert f"on {len(test)} test images: accuracy {100 * accuracy:.2f}" in card
        about = json.loads((folder / name / "network.json").read_text())
        assert about["labels"] == [str(digit) for digit in range(10)]
        assert (about["shape"], about["size"], about["mode"]) == ([12, 12, 1], [12, 12], "L")
    network = NetworkDataset(filepath=str(study / f"06_models/{file}.keras")).load()
    images = np.load(study / "02_intermediate/images.npy")
    loaded = registry.FORMATS["saved_model"]().load(folder / "saved_model")
    np.testing.assert_allclose(loaded(images), network.predict(images, verbose=0), atol=1e-5)


def test_a_refit_is_exported_and_compared_with_itself(
    study: Path, run_in: Run, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    shutil.copytree(study, root)
    run_in(root, "refit", **SETTINGS, refit={"seeds": 2})
    run_in(root, "export", **SETTINGS, refit={"seeds": 2}, export={"formats": "litert"})
    (outcome,) = json.loads((root / "07_model_output/export/exports.json").read_text()).values()
    assert outcome["max_difference"] <= TOLERANCE
    assert outcome["images"] == 45
    measured = json.loads((root / "08_reporting/refit.json").read_text())["measured"]
    assert outcome["accuracy"] == pytest.approx(measured["value"])
    assert (
        "trained on train and validation"
        in (root / "07_model_output/export/litert/model_card.md").read_text()
    )


def test_a_format_that_fails_in_a_run_ends_it_with_a_line(
    study: Path, run_in: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "data"
    shutil.copytree(study, root)
    monkeypatch.setattr(LiteRT, "write", Unable.write)
    with pytest.raises(StudyError, match="1 of 1 formats could not be exported: litert_int8"):
        run_in(root, "export", **SETTINGS, export={"formats": "litert_int8"})
    assert list((root / "07_model_output/export/litert_int8").iterdir()) == []
    card = (root / "07_model_output/export/model_card.md").read_text()
    assert "LiteRT int8: not exported, ValueError: No operation 'Fancy'." in card


def test_formats_may_be_words_and_each_is_named_once() -> None:
    settings = {"calibration_images": 5, "licence": None}
    assert Export.model_validate({**settings, "formats": "onnx litert"}).formats == [
        "onnx",
        "litert",
    ]
    for wrong, said in (("onnx onnx", "name every format once"), ([], "at least 1 item")):
        with pytest.raises(ValidationError, match=said):
            Export.model_validate({**settings, "formats": wrong})
