"""Whether trainings fit into the machine's memory, as far as it is known before they begin."""

from dataclasses import dataclass

from regbench.process import devices

# Of a parameter while training: weight, gradient, two moments, the best epoch's copy.
_BYTES_A_PARAMETER = 5 * 4
_BYTES_A_VALUE = {"float32": 4, "mixed_float16": 2, "mixed_bfloat16": 2}


@dataclass(frozen=True)
class Batch:
    """The images that a training takes at once.

    Attributes:
        image_shape: Height, width, channels.
        size: Number of images.
        precision: As ``protocol.precision``.
    """

    image_shape: tuple[int, int, int]
    size: int
    precision: str


def memory_problem(parameters: int | None, kept: int | None, batch: Batch) -> str | None:
    """Return why trainings do not fit into memory; None if they may.

    What is counted is needed at least: for the convolutional networks here, 87 to 91 % of what a
    training was measured to take on top of its process. Trainings that run at once in other
    processes of this command count, too. With a GPU nothing is said: its memory is another.

    Args:
        parameters: Number of the network's weights; None where it is not known.
        kept: Values of an image that backpropagation keeps, likewise.
        batch: What a step takes.
    """
    if devices.gpus():
        return None
    there, trainings = devices.memory(), devices.trainings_at_once()
    weights = (parameters or 0) * _BYTES_A_PARAMETER
    of_image = (kept or 0) * _BYTES_A_VALUE[batch.precision]
    needed = weights + batch.size * of_image
    if trainings * needed <= there:
        return None
    shape = " x ".join(map(str, batch.image_shape))
    this_machine = f"and this machine has {_gigabytes(there)}"
    if weights > there:
        return (
            f"has {parameters:,} parameters for images of {shape}: training takes "
            f"{_gigabytes(weights)} of memory, {this_machine}; choose a smaller network or a "
            "smaller ingest.size"
        )
    most = (there - weights) // of_image if of_image else batch.size
    smaller = f"set protocol.batch_size to {most} at most, or " if 0 < most < batch.size else ""
    if needed > there:
        return (
            f"a batch of {batch.size:,} images of {shape} takes at least {_gigabytes(needed)} of "
            f"memory in training, {this_machine}; {smaller}choose a smaller network or a smaller "
            "ingest.size"
        )
    return (
        f"{trainings} trainings at once, each with a batch of {batch.size:,} images of {shape}, "
        f"take at least {_gigabytes(trainings * needed)} of memory, {this_machine}; "
        f"--runner-params=max_workers={there // needed} in the command has fewer at once"
    )


def memory_problem_of_ensemble(parameters: int | None, networks: int) -> str | None:
    """Return why an ensemble's networks do not fit into memory; None if they may.

    Besides the one that is trained, each has its weights, and those of its best epoch.

    Args:
        parameters: Number of a network's weights; None where it is not known.
        networks: That there are at once, at most.
    """
    if devices.gpus():
        return None
    weights = (parameters or 0) * (_BYTES_A_PARAMETER + 2 * 4 * (networks - 1))
    there, trainings = devices.memory(), devices.trainings_at_once()
    if trainings * weights <= there:
        return None
    at_once = f"{trainings} trainings at once take" if trainings > 1 else "training takes"
    return (
        f"holds {networks} networks of {parameters:,} parameters each: {at_once} "
        f"{_gigabytes(trainings * weights)} of memory, and this machine has {_gigabytes(there)}; "
        "set fewer, or choose a smaller network"
    )


def _gigabytes(size: float) -> str:
    """Return bytes in GB, with a digit after the point below 10."""
    return f"{size / 1e9:,.{0 if size >= 1e10 else 1}f} GB"
