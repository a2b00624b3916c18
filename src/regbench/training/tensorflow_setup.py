"""TensorFlow set up for repeatable trainings in one process."""

from functools import lru_cache

import tensorflow as tf
from tensorflow.python.eager import context as eager  # no public name leads there


@lru_cache(maxsize=1)
def set_up_tensorflow() -> None:
    """Make this process' TensorFlow deterministic, and let others have the GPU's memory too."""
    tf.config.experimental.enable_op_determinism()
    for device in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(device, True)


def forget_earlier_networks() -> None:
    """Drop what TensorFlow keeps of every network that there has been: 71 kB each, for ever.

    It caches a kernel for every variable by the variable's name, which no other network has. Keras
    drops them with ``clear_session``, which would also take its scopes from other threads.
    """
    eager.context().clear_kernel_cache()
