"""Nodes that turn MNIST into a set of images.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regbench.images.mnist.arrays import ImageSet, Mnist
else:  # Kedro resolves annotations, and warns of names that are not there
    ImageSet = Mnist = Any

# The sample that ships as digits.zip; the README.md beside it gives its checksum.
SAMPLE_LABELED = 8_000
SAMPLE_UNLABELED = 1_000
SAMPLE_SEED = 0
# Few images to train on, so that the network overfits, and many to tell techniques apart by.
SAMPLE_SPLIT = {"train": 2_000, "validation": 1_200, "test": 4_800}


def lay_out_mnist(mnist: Mnist) -> ImageSet:
    """Return all of MNIST as a set of images.

    Args:
        mnist: The four arrays as published.

    Returns:
        49,000 labelled and 21,000 unlabelled images, 28 x 28 uint8, in MNIST's order.
    """
    from regbench.images.mnist.arrays import full_set

    return full_set(mnist)


def sample_mnist(mnist: Mnist) -> ImageSet:
    """Return the sample of MNIST that ships.

    Args:
        mnist: The four arrays as published.

    Returns:
        8,000 labelled images with a split and 1,000 unlabelled ones, 28 x 28 uint8, classes as
        frequent as in MNIST.
    """
    from regbench.images.mnist.arrays import sample_set

    return sample_set(mnist, SAMPLE_LABELED, SAMPLE_UNLABELED, SAMPLE_SEED, SAMPLE_SPLIT)
