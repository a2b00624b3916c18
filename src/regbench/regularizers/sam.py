"""Sharpness-aware minimization: the gradient is taken where the loss nearby is worst."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from regbench.fields import Float
from regbench.regularizers.base import Choice, Range, Regularizer
from regbench.regularizers.places.update import TrainedVariables, Update, assign_all

if TYPE_CHECKING:
    import tensorflow as tf

    Gradients = list[tf.Tensor]

_RADIUS, _ADAPTIVE_RADIUS = 0.05, 0.5


class Sam(Regularizer):
    """Apply the gradient at the weights w + e instead of that at w.

    For the gradient g at w, e = ``rho`` g / |g|: the step of length ``rho`` uphill (Foret et al.,
    2021, with its rho for CIFAR-10). With ``adaptive``, e = ``rho`` T^2 g / |T g|, T = |w| + 0.01
    for every weight of a kernel or a scale, and 1 for biases: the step does not depend on how
    weights are scaled (Kwon et al., 2021, with its rho for CIFAR-10, 0.5 unless set).

    Both gradients are of the same batch; dropout draws anew. Penalties are part of the loss. The
    train figures and the moving statistics of batch normalization are those at w.
    """

    title = "sharpness-aware minimization"
    effect = "looks for wide minima, around which the loss is low, too"
    source = (
        "Foret et al., Sharpness-Aware Minimization for Efficiently Improving Generalization, "
        "2021; adaptive: Kwon et al., ASAM, 2021"
    )
    helps = (
        "In convolutional and residual networks that fit the train images entirely, and with wrong "
        "labels (Foret et al., 2021, sections 3.1 and 3.3)."
    )
    not_when = (
        "Where the same time is better spent on twice as many epochs; and where e is of many "
        "images at once: the more there are, the less it gains (Foret et al., 2021, section 4.1; "
        "Andriushchenko and Flammarion, Towards Understanding Sharpness-Aware Minimization, "
        "2022)."
    )
    cost = "twice the gradients: double the time of a training; nothing once trained"
    aliases = ("ASAM", "SharpnessAwareMinimization", "sharpness_aware", "rho")
    shorthand = "rho"
    search = {"rho": Range(0.01, 0.5, log=True)}

    rho: Annotated[Float, Field(gt=0, le=10_000, description="0.5 if adaptive")] = _RADIUS
    adaptive: bool = False

    @model_validator(mode="before")
    @classmethod
    def _radius_of_its_kind(cls, entry: Any) -> Any:
        """Fill in the default radius of the adaptive kind."""
        if isinstance(entry, dict) and entry.get("adaptive") is True and "rho" not in entry:
            return {**entry, "rho": _ADAPTIVE_RADIUS}
        return entry

    def ranges(self) -> Mapping[str, Range | Choice]:
        """Return the range; of the adaptive kind around its own default."""
        return {"rho": Range(0.1, 5, log=True)} if self.adaptive else self.search

    def update(self, variables: TrainedVariables) -> Update:
        """Return what computes the gradients of these variables."""
        return _Sharpness(self, variables)


class _Sharpness(Update):
    """Computes gradients twice; has no state."""

    def __init__(self, settings: Sam, variables: TrainedVariables) -> None:
        self._settings, self._variables = settings, variables

    def gradients(self, compute: "Callable[[], Gradients]") -> "Gradients":
        """Return the gradients at the perturbed weights."""
        import tensorflow as tf

        found = compute()
        scales = [self._scale(number) for number in range(len(found))]
        scaled = [g if t is None else t * g for t, g in zip(scales, found, strict=True)]
        length = self._settings.rho / (tf.linalg.global_norm(scaled) + 1e-12)
        before = [tf.identity(variable) for variable in self._variables]
        for variable, gradient, scale in zip(self._variables, scaled, scales, strict=True):
            step = gradient if scale is None else scale * gradient
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=-length, delta=step)
        there = compute()
        assign_all(self._variables, before)
        return there

    def _scale(self, number: int) -> "tf.Tensor | None":
        """Return T of a variable; None if it is 1."""
        import tensorflow as tf

        if not self._settings.adaptive or self._variables.roles[number].kind == "bias":
            return None
        return tf.abs(self._variables[number]) + 0.01
