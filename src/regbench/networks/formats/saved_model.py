"""TensorFlow's SavedModel: a folder that TensorFlow and TensorFlow Serving load."""

from pathlib import Path
from typing import TYPE_CHECKING

from regbench.networks.formats.base import Format, Predict

if TYPE_CHECKING:
    import keras
    import numpy as np


class SavedModel(Format):
    """A folder with the graph and the weights."""

    title = "SavedModel"
    file = "network"
    main_file = "network/saved_model.pb"
    needs = "tensorflow"
    imports = "import tensorflow as tf"
    loads = 'network = tf.saved_model.load(str(here / "network"))'
    predicts = "(probabilities,) = network.serve(pixels).numpy()"

    def write(self, network: "keras.Model", folder: Path, calibration: "np.ndarray") -> None:
        """Write the folder; its endpoints are ``serve`` and ``serving_default``."""
        network.export(str(folder / self.file), format="tf_saved_model", verbose=False)

    def load(self, folder: Path) -> Predict:
        """Return the endpoint ``serve``."""
        import tensorflow as tf

        loaded = tf.saved_model.load(str(folder / self.file))

        def predict(images: "np.ndarray") -> "np.ndarray":
            probabilities: np.ndarray = loaded.serve(tf.constant(images)).numpy()
            return probabilities

        return predict
