"""LiteRT, formerly TensorFlow Lite: a file for phones and small devices."""

import os
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regbench.networks.formats.base import Format, Predict

if TYPE_CHECKING:
    import keras
    import numpy as np


class LiteRT(Format):
    """One file, with LiteRT's own operations alone: no device needs TensorFlow's."""

    title = "LiteRT"
    file = main_file = "network.tflite"
    needs = "ai-edge-litert"
    imports = "from ai_edge_litert.interpreter import Interpreter"
    loads = 'network = Interpreter(str(here / "network.tflite")).get_signature_runner()'
    predicts = "((probabilities,),) = network(image=pixels).values()"

    def write(self, network: "keras.Model", folder: Path, calibration: "np.ndarray") -> None:
        """Write the file, by TensorFlow's converter."""
        network.export(
            str(folder / self.file),
            format="litert",
            verbose=False,
            **self._converted(calibration),
        )

    def _converted(self, calibration: "np.ndarray") -> dict[str, Any]:
        """Return the converter's settings."""
        import tensorflow as tf

        return {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}

    def load(self, folder: Path) -> Predict:
        """Return what the interpreter computes, for any number of images at a time."""
        interpreter = _interpreter(folder / self.file)
        (image,) = interpreter.get_input_details()
        (answer,) = interpreter.get_output_details()
        held = 0

        def predict(images: "np.ndarray") -> "np.ndarray":
            nonlocal held
            if len(images) != held:
                interpreter.resize_tensor_input(image["index"], images.shape)
                interpreter.allocate_tensors()
                held = len(images)
            interpreter.set_tensor(image["index"], images)
            interpreter.invoke()
            probabilities: np.ndarray = interpreter.get_tensor(answer["index"])
            return probabilities

        return predict


def _interpreter(file: Path) -> Any:
    """Return an interpreter of LiteRT where it is installed, otherwise TensorFlow's own."""
    if find_spec("ai_edge_litert"):
        from ai_edge_litert.interpreter import Interpreter
    else:
        from tensorflow import lite

        Interpreter = lite.Interpreter  # noqa: N806 - a class
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*tf.lite.Interpreter is deprecated", UserWarning)
        return Interpreter(str(file), num_threads=os.cpu_count())
