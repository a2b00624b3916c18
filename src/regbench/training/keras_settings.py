"""The user's own settings of Keras, which no study may depend on: they are not followed.

Keras reads ``keras.json`` in ``KERAS_HOME`` (``~/.keras``) and some variables as it is imported.
Importing this module imports no Keras.
"""

import json
import os
from pathlib import Path
from typing import Any

from regbench.errors import SettingsError, quoted

_NEEDED = {
    "backend": "tensorflow",
    "floatx": "float32",
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "nnx_enabled": False,
}
# What Keras takes of these keys: with any other value it cannot be imported.
_POSSIBLE = {
    "floatx": ("float16", "float32", "float64"),
    "image_data_format": ("channels_last", "channels_first"),
}
_BACKEND = "KERAS_BACKEND"
_NNX = "KERAS_NNX_ENABLED"
_LIMITS = ("KERAS_MAX_EPOCHS", "KERAS_MAX_STEPS_PER_EPOCH")


def set_aside() -> list[str]:
    """Set the variables of Keras to what RegBench needs, for this process and those it starts.

    Returns:
        The user's settings that are not followed, each with its place; empty if there is none.

    Raises:
        SettingsError: Keras cannot be imported with a value in its file.
    """
    ignored = [f"{name}={os.environ.pop(name)}" for name in _LIMITS if name in os.environ]
    backend = os.environ.get(_BACKEND) or _NEEDED["backend"]
    if backend != _NEEDED["backend"]:
        ignored.append(f"{_BACKEND}={backend}")
    if os.environ.get(_NNX, "0").lower() in ("1", "true"):
        ignored.append(f"{_NNX}={os.environ[_NNX]}")
    os.environ[_BACKEND], os.environ[_NNX] = str(_NEEDED["backend"]), "0"
    file = _file()
    given = _content(file)
    for key, possible in _POSSIBLE.items():
        if key in given and given[key] not in possible:
            raise SettingsError(
                f"{file}: {key}: {quoted(given[key])}: Keras takes {', '.join(possible)}; correct "
                "the file, or delete it: RegBench does not follow it"
            )
    if not isinstance(given.get("epsilon", 0.0), float):
        raise SettingsError(
            f"{file}: epsilon: {quoted(given['epsilon'])}: Keras takes a decimal number; correct "
            "the file, or delete it: RegBench does not follow it"
        )
    different = {k: v for k, v in given.items() if k in _NEEDED and v != _NEEDED[k]}
    return ignored + [f"{file}: {key}: {value}" for key, value in different.items()]


def apply() -> None:
    """Set Keras to what RegBench needs, whatever its file says; imports Keras."""
    import keras  # noqa: PLC0415 - slow, and reads the settings

    keras.config.set_floatx(_NEEDED["floatx"])
    keras.config.set_epsilon(_NEEDED["epsilon"])
    keras.config.set_image_data_format(_NEEDED["image_data_format"])
    keras.config.set_dtype_policy(_NEEDED["floatx"])


def _file() -> Path:
    """Return the path of the user's settings, as Keras finds them."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"], "keras.json").expanduser()
    home = Path.home() if os.access(Path("~").expanduser(), os.W_OK) else Path("/tmp")  # noqa: S108
    return home / ".keras/keras.json"


def _content(file: Path) -> dict[str, Any]:
    """Return the settings in a file; none if it is missing or no JSON, which Keras passes over.

    Raises:
        SettingsError: It is JSON, but no mapping: Keras cannot be imported.
    """
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        raise SettingsError(f"{file}: must be a mapping of keys to values; correct or delete it")
    return content
