"""Spectral normalization: kernels divided by their largest singular value."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from regbench.fields import Float
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.places.beside import Beside
from regbench.regularizers.places.reparametrization import Reparametrization, Units, constrained

if TYPE_CHECKING:
    import tensorflow as tf

_ITERATIONS_AT_START = 20
_ITERATIONS_TO_EVALUATE = 50
_LEAST = 1e-12  # of norms that are divided by


class SpectralNorm(Regularizer):
    """Give every kernel, as a matrix of inputs x outputs, a largest singular value of ``norm``.

    The value is estimated by one power iteration in a step, as in the paper, and by more for the
    network that is evaluated and kept. Of a depthwise kernel it is the largest norm of a
    channel's weights. A normalization that follows takes the scale away again.
    """

    title = "spectral normalization"
    effect = "limits how much a layer can amplify a change of its input"
    source = "Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018"
    helps = (
        "Against small changes of the images that are made to deceive: beside training on such "
        "images it narrows the gap between train and new ones (Farnia et al., Generalizable "
        "Adversarial Training via Spectral Normalization, 2019)."
    )
    not_when = (
        "With a norm that is too small, under which a network underfits: the bound is to be tuned "
        "(Gouk et al., Regularisation of Neural Networks by Enforcing Lipschitz Continuity, "
        "2021)."
    )
    cost = "a few passes over the kernels in a step; nothing once trained"
    aliases = ("SpectralNormalization", "spectral_normalization", "lipschitz")
    shorthand = "norm"
    on = {
        "mlp": "on every kernel but the logits'",
        "cnn": "on every kernel but the logits'; with `normalization: batch` its scale does not "
        "matter",
        "resnet": "on every kernel but the logits'; its normalization takes the scale away",
        "pretrained": "on every kernel but the logits' if `weights` is null; else it means nothing",
        "own": "on every kernel but the last layer's",
    }
    search = {"norm": Range(0.5, 10, log=True)}

    norm: Annotated[Float, Field(gt=0, le=10_000)] = 1.0

    def clash(self, beside: Beside) -> str | None:
        """Return that another regularizer limits the kernels, if one does."""
        return constrained(beside)

    def reparametrize(self, units: Units) -> Reparametrization:
        """Return the spectral normalization of a kernel."""
        return _OfChannels(units, self.norm) if units.channels > 1 else _OfMatrix(units, self.norm)


class _OfMatrix(Reparametrization):
    """A kernel of which every unit has all inputs."""

    def __init__(self, units: Units, norm: float) -> None:
        import tensorflow as tf

        self._norm = norm
        self._vector = tf.Variable(tf.zeros(units.number))  # right, of the largest singular value

    def computed(self, kernel: "tf.Tensor", *, training: bool) -> "tf.Tensor":
        """Return W x norm / sigma; sigma is u' W v with the vectors of the power iteration."""
        iterations = 1 if training else _ITERATIONS_TO_EVALUATE
        left, right, sigma = _iterated(kernel, self._vector, iterations)
        if training:
            self._vector.assign(right)
        return _scaled(kernel, left, right, sigma, self._norm)

    def restart(self, kernel: "tf.Tensor") -> None:
        """Iterate from a random vector, the same for every seed."""
        import tensorflow as tf

        begun = tf.random.stateless_normal(self._vector.shape, (0, 0))
        self._vector.assign(_iterated(kernel, begun, _ITERATIONS_AT_START)[1])

    def state(self) -> "list[tf.Variable]":
        """Return the vector."""
        return [self._vector]


class _OfChannels(Reparametrization):
    """A depthwise kernel: a matrix of blocks, one for each channel."""

    def __init__(self, units: Units, norm: float) -> None:
        self._channels, self._norm = units.channels, norm

    def computed(self, kernel: "tf.Tensor", *, training: bool) -> "tf.Tensor":
        """Return W x norm / the largest Frobenius norm of a channel's weights.

        With one unit per channel this is the largest singular value, with more a bound of it.
        """
        import tensorflow as tf

        of_units = tf.reduce_sum(tf.square(kernel), 0)
        of_channels = tf.reduce_sum(tf.reshape(of_units, (self._channels, -1)), 1)
        largest = tf.reduce_max(of_channels)
        return kernel * (self._norm * tf.math.rsqrt(tf.maximum(largest, _LEAST**2)))


def _iterated(
    matrix: "tf.Tensor", right: "tf.Tensor", iterations: int
) -> "tuple[tf.Tensor, tf.Tensor, tf.Tensor]":
    """Return the left and right vector after some power iterations, of norm 1, and u' W v."""
    import tensorflow as tf

    left = sigma = right
    for _ in range(iterations):
        left = tf.math.l2_normalize(tf.linalg.matvec(matrix, right), epsilon=_LEAST)
        right = tf.linalg.matvec(matrix, left, transpose_a=True)
        sigma = tf.maximum(tf.norm(right), _LEAST)
        right /= sigma
    return left, right, sigma


def _scaled(
    matrix: "tf.Tensor", left: "tf.Tensor", right: "tf.Tensor", sigma: "tf.Tensor", norm: float
) -> "tf.Tensor":
    """Return W x norm / sigma, with the gradient of u' W v at fixed u and v for sigma's: u v'.

    That is the paper's gradient, in fewer passes over the kernel than term by term.
    """
    import tensorflow as tf

    def scaled(matrix: tf.Tensor) -> Any:
        scale = norm / sigma

        def gradient(upper: tf.Tensor) -> tf.Tensor:
            # A product and its sum: TensorFlow's own inner product takes three times as long.
            along = tf.reduce_sum(upper * matrix) / sigma
            return scale * (upper - tf.tensordot(along * left, right, 0))

        return scale * matrix, gradient

    return tf.custom_gradient(scaled)(matrix)
