"""ONNX: a file that ONNX Runtime and many other programs load."""

import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from regbench.networks.formats.base import Format, Predict

if TYPE_CHECKING:
    import keras
    import numpy as np


class Onnx(Format):
    """One file; its input is called ``image``."""

    title = "ONNX"
    file = main_file = "network.onnx"
    packages = ("tf2onnx", "onnxruntime")
    needs = "onnxruntime"
    imports = "import onnxruntime"
    loads = 'network = onnxruntime.InferenceSession(str(here / "network.onnx"))'
    predicts = '((probabilities,),) = network.run(None, {"image": pixels})'

    def write(self, network: "keras.Model", folder: Path, calibration: "np.ndarray") -> None:
        """Write the file, by tf2onnx."""
        import keras

        image = keras.InputSpec(shape=network.input_shape, dtype="uint8", name="image")
        logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # it tells of each optimization
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*np.object", FutureWarning)  # of Keras' own code
            network.export(
                str(folder / self.file), format="onnx", verbose=False, input_signature=[image]
            )

    def load(self, folder: Path) -> Predict:
        """Return what ONNX Runtime computes on the processor."""
        import onnxruntime

        session = onnxruntime.InferenceSession(
            str(folder / self.file), providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name

        def predict(images: "np.ndarray") -> "np.ndarray":
            probabilities: np.ndarray = session.run(None, {name: images})[0]
            return probabilities

        return predict
