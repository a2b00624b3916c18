"""TensorFlow's settings and caches: repeatable trainings, many in one process."""

from functools import lru_cache

import tensorflow as tf
from tensorflow.python.eager import context as eager  # no public name leads there

from regbench.training import keras_settings


@lru_cache(maxsize=1)
def set_up_tensorflow() -> None:
    """Make TensorFlow deterministic, let it take GPU memory only as needed, and set up Keras."""
    keras_settings.apply()
    tf.config.experimental.enable_op_determinism()
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def forget_earlier_networks() -> None:
    """Clear TensorFlow's kernel cache, which grows by 71 kB with every network.

    It has an entry per variable, by a name that no other network has. Keras' ``clear_session``
    clears it too, but also removes name scopes that other threads use.
    """
    eager.context().clear_kernel_cache()
