"""What of MNIST goes into a set of images.

What a node needs it imports when it runs: a command that only lists or describes pipelines does
not wait for it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regbench.images.mnist.arrays import ImageSet, Mnist
else:  # Kedro resolves annotations, and warns of names that are not there
    ImageSet = Mnist = Any

# The sample that ships as digits.zip; README.md beside it and its checksum speak of this one.
SAMPLE_LABELED = 8_000
SAMPLE_UNLABELED = 1_000
SAMPLE_SEED = 0


def lay_out_mnist(mnist: Mnist) -> ImageSet:
    """Take all of MNIST.

    Args:
        mnist: The four arrays as published.

    Returns:
        49,000 labelled and 21,000 unlabelled images, 28 x 28 uint8, in MNIST's order.
    """
    from regbench.images.mnist.arrays import full_set

    return full_set(mnist)


def sample_mnist(mnist: Mnist) -> ImageSet:
    """Draw the sample that ships.

    Args:
        mnist: The four arrays as published.

    Returns:
        8,000 labelled and 1,000 unlabelled images, 28 x 28 uint8, every class in its share.
    """
    from regbench.images.mnist.arrays import sample_set

    return sample_set(mnist, SAMPLE_LABELED, SAMPLE_UNLABELED, SAMPLE_SEED)
