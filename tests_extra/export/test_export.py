"""What the extra `export` adds: ONNX, LiteRT by its own interpreter, and examples of use."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import ai_edge_litert
import keras
import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from tests.networks.every_kind import ENTRIES, SHAPE, built

from regbench.images.decode import Decoding, decode_picture
from regbench.networks.ensembles import averaged
from regbench.networks.formats.base import TOLERANCE
from regbench.networks.formats.registry import FORMATS, check_installed
from regbench.storage.stored_file import LocalFile
from regbench.use import export
from regbench.use.calibration import tempered

IMAGES = np.random.default_rng(0).integers(0, 256, (30, *SHAPE), np.uint8)
WITH_EXTRA = ("onnx", "litert", "litert_int8")
LABELS = ["cat", "dog", "Füchsin"]


def write(network: keras.Model, folder: Path, *formats: str) -> dict[str, dict[str, Any]]:
    folder.mkdir(exist_ok=True)
    probabilities = network.predict(IMAGES, verbose=0)
    reference = export.Reference(np.arange(30), probabilities, probabilities.argmax(axis=1))
    return export.write_formats(network, formats, IMAGES, reference, IMAGES[:20], folder)


@pytest.mark.parametrize("kind", [*ENTRIES, "ensemble"])
def test_every_kind_of_network_predicts_the_same_in_onnx(kind: str, tmp_path: Path) -> None:
    ensemble = kind == "ensemble"
    network = (
        averaged([built("mlp"), built("mlp", seed=2)], [0.5, 0.5]) if ensemble else built(kind)
    )
    outcome = write(network, tmp_path, "onnx")["onnx"]
    assert outcome["max_difference"] <= TOLERANCE
    model = onnx.load(tmp_path / "onnx/network.onnx")
    onnx.checker.check_model(model)
    (image,) = model.graph.input
    assert image.name == "image"
    assert image.type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_litert_is_run_by_its_own_interpreter(tmp_path: Path) -> None:
    outcomes = write(built("cnn"), tmp_path, "litert", "litert_int8")
    assert "ai_edge_litert.interpreter" in sys.modules
    assert ai_edge_litert.__file__
    assert outcomes["litert"]["max_difference"] <= TOLERANCE
    assert outcomes["litert_int8"]["max_difference"] <= 0.1


@pytest.mark.parametrize("name", WITH_EXTRA)
@pytest.mark.parametrize("aspect", ["stretch", "pad", "crop"])
def test_the_example_labels_pictures_as_the_network_does(
    name: str, aspect: str, tmp_path: Path
) -> None:
    network = built("mlp")
    outcomes = write(network, tmp_path / "written", name)
    about = export.form_of_input(network, LABELS, {"aspect": aspect, "background": "white"}, 2.0)
    place = LocalFile(tmp_path / "export")
    export.hand_over(tmp_path / "written", outcomes, place.joinpath, "card", about)

    decoding = Decoding(*SHAPE[:2], "RGB", aspect, "white", 10**6)  # type: ignore[arg-type]
    pictures, pixels = [], []
    for number, (height, width) in enumerate([(8, 8), (30, 17), (12, 40)]):
        shape = (height, width, 4 if number == 1 else 3)  # one of them is partly transparent
        picture = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
        pictures.append(tmp_path / f"{number}.png")
        Image.fromarray(picture).save(pictures[-1])
        pixels.append(decode_picture(pictures[-1].read_bytes(), decoding))
    script = tmp_path / "export" / name / "use.py"
    title, *code = (line for line in script.read_text().splitlines() if line)
    assert title.startswith('"""Label pictures:')
    assert len(code) == 15
    assert "regbench" not in script.read_text().lower()
    ran = subprocess.run(
        [sys.executable, "-I", "-X", "utf8", str(script), *map(str, pictures)],
        capture_output=True,
        check=True,
        cwd=tmp_path,
    )
    told = [line.rsplit(" ", 2) for line in ran.stdout.decode().splitlines()]
    expected = network.predict(np.stack(pixels), verbose=0)
    assert [label for _, label, _ in told] == [LABELS[best] for best in expected.argmax(axis=1)]
    confidence = [float(shown) for _, _, shown in told]
    within = 0.05 if name == "litert_int8" else 0.01  # ImageOps' corners lie half a pixel elsewhere
    np.testing.assert_allclose(confidence, tempered(expected, 2.0).max(axis=1), atol=within)


def of_onnx_runtime(folder: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(folder / "network.onnx"))
    (probabilities,) = session.run(None, {"image": IMAGES})
    return np.asarray(probabilities)


def of_litert(folder: Path) -> np.ndarray:
    runner = Interpreter(str(folder / "network.tflite")).get_signature_runner()
    each = [runner(image=IMAGES[at : at + 1]) for at in range(len(IMAGES))]
    return np.concatenate([probabilities for ((_, probabilities),) in (of.items() for of in each)])


ALONE = {"onnx": of_onnx_runtime, "litert": of_litert, "litert_int8": of_litert}


@pytest.mark.parametrize("name", WITH_EXTRA)
def test_each_file_has_the_figures_that_are_stated_by_its_own_package_alone(
    name: str, tmp_path: Path
) -> None:
    network = built("cnn")
    stored = network.predict(IMAGES, verbose=0)
    targets = np.where(np.arange(30) % 3, stored.argmax(axis=1), np.arange(30) % 2)
    reference = export.Reference(np.arange(30), stored, targets)
    stated = export.write_formats(network, [name], IMAGES, reference, IMAGES[:20], tmp_path)[name]
    found = ALONE[name](tmp_path / name)
    off = np.abs(found - stored).max()
    assert stated["max_difference"] == pytest.approx(off, abs=1e-6)
    assert off <= (0.1 if name == "litert_int8" else 1e-4)
    assert stated["accuracy"] == pytest.approx(np.mean(found.argmax(axis=1) == targets))
    assert stated["agreement"] == pytest.approx(np.mean(found.argmax(1) == stored.argmax(1)))


def test_the_extra_is_enough_for_every_format() -> None:
    check_installed(FORMATS)
