"""No setting of Keras that a user has changes a study."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from regbench.errors import SettingsError
from regbench.training import keras_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's file of settings, not written yet."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for name in ("KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_NNX_ENABLED"):
        monkeypatch.setenv(name, "")  # so that the test's changes are undone
        monkeypatch.delenv(name)
    return tmp_path / "keras.json"


def test_usual_settings_are_not_worth_a_word(file: Path) -> None:
    assert keras_settings.set_aside() == []
    usual = {"floatx": "float32", "epsilon": 1e-07, "image_data_format": "channels_last"}
    file.write_text(json.dumps(usual | {"backend": "tensorflow"}))
    assert keras_settings.set_aside() == []


def test_others_are_named_and_not_followed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text(json.dumps({"floatx": "float16", "backend": "jax", "other": 1}))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setenv("KERAS_MAX_EPOCHS", "1")
    monkeypatch.setenv("KERAS_NNX_ENABLED", "true")
    assert keras_settings.set_aside() == [
        "KERAS_MAX_EPOCHS=1",
        "KERAS_BACKEND=torch",
        "KERAS_NNX_ENABLED=true",
        f"{file}: floatx: float16",
        f"{file}: backend: jax",
    ]
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert "KERAS_MAX_EPOCHS" not in os.environ
    assert os.environ["KERAS_NNX_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"floatx": "float8"}', "floatx: 'float8': Keras takes float16, float32, float64"),
        ('{"image_data_format": "first"}', "image_data_format: 'first': Keras takes channels_last"),
        ('{"epsilon": 1}', "epsilon: 1: Keras takes a decimal number"),
        ("[]", "must be a mapping of keys to values"),
    ],
)
def test_what_keras_cannot_be_imported_with_is_one_line(
    file: Path, content: str, said: str
) -> None:
    file.write_text(content)
    with pytest.raises(SettingsError, match=r"keras\.json: ") as error:
        keras_settings.set_aside()
    assert said in error.value.message
    file.write_text("no JSON at all")  # which Keras passes over
    assert keras_settings.set_aside() == []


def test_keras_is_set_to_what_is_needed_whatever_its_file_says(file: Path) -> None:
    different = {"floatx": "float64", "image_data_format": "channels_first", "epsilon": 0.1}
    file.write_text(json.dumps(different | {"backend": "jax", "nnx_enabled": True}))
    script = (
        "from regbench.training import keras_settings\n"
        "keras_settings.set_aside(); keras_settings.apply()\n"
        "import keras\n"
        "made = keras.layers.Conv2D(1, 1)\n"
        "print(keras.config.backend(), keras.config.floatx(), keras.config.epsilon(),\n"
        "      made.data_format, made.dtype_policy.name)\n"
    )
    environment = {**os.environ, "KERAS_HOME": str(file.parent)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["tensorflow", "float32", "1e-07", "channels_last", "float32"]


def test_the_file_is_where_keras_looks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KERAS_HOME", raising=False)
    assert keras_settings._file() == Path(keras.src.backend.config.keras_home(), "keras.json")
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    assert keras_settings._file() == Path("/tmp/.keras/keras.json")  # noqa: S108 - Keras'
