"""LiteRT with 8-bit integers: a quarter of the size, on devices that compute with integers."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from regbench.networks.formats.litert import LiteRT

if TYPE_CHECKING:
    import numpy as np


class LiteRTInt8(LiteRT):
    """LiteRT with weights and activations of 8 bits (Jacob et al., Quantization and Training of
    Neural Networks for Efficient Integer-Arithmetic-Only Inference, 2018).

    Images go in as uint8, probabilities come out as float32, as with all formats. Ranges of
    activations are those that the calibration images have.
    """  # noqa: D205 - a paper's name

    title = "LiteRT int8"
    exact = False

    def _converted(self, calibration: "np.ndarray") -> dict[str, Any]:
        """Return the converter's settings: integers wherever an operation has them."""
        import tensorflow as tf

        def images() -> "Iterator[list[np.ndarray]]":
            for image in calibration:
                yield [image[None]]

        operations = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8, tf.lite.OpsSet.TFLITE_BUILTINS]
        return {
            "target_spec": {"supported_ops": operations},
            "optimizations": [tf.lite.Optimize.DEFAULT],
            "representative_dataset": images,
        }
