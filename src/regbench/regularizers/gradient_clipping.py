"""Gradient clipping: gradients that are too large are scaled or cut down."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from regbench.fields import Float
from regbench.regularizers.base import Choice, Range, Regularizer
from regbench.regularizers.places.update import Role, TrainedVariables, Update

if TYPE_CHECKING:
    import tensorflow as tf

    Gradients = list[tf.Tensor]

_LIMITS = {"norm": 1.0, "value": 0.5, "adaptive": 0.01}
_LEAST_NORM = 1e-3  # of a unit's weights, so that those at 0 may grow; as published


class GradientClipping(Regularizer):
    """Bound the gradients of every step, before noise is added to them and the optimizer acts.

    ``by: norm``: all gradients together are scaled to the Euclidean norm ``limit`` if theirs is
    larger; the default 1 is the usual one. ``by: value``: every value is cut to -``limit`` to
    ``limit``, 0.5 unless set. ``by: adaptive``: the gradient of a unit's incoming weights is scaled
    to ``limit`` times the norm of these weights, 0.01 unless set (Brock et al., 2021,
    section 5.1, for batches of 1,024 and more; more for smaller ones); the layer of the logits is
    left out, as there.

    With SAM, the gradients at the perturbed weights are clipped.
    """

    title = "gradient clipping"
    effect = "keeps single batches from moving the weights far"
    source = (
        "Pascanu et al., On the Difficulty of Training Recurrent Neural Networks, 2013; adaptive: "
        "Brock et al., High-Performance Large-Scale Image Recognition Without Normalization, 2021"
    )
    helps = (
        "Where losses jump: at high learning rates, in recurrent and very deep networks (Pascanu "
        "et al., 2013); the adaptive one at large batches without batch normalization (Brock et "
        "al., 2021)."
    )
    not_when = (
        "Where norms stay below the limit, as then it changes nothing; the adaptive one gains "
        "less the smaller batches are (Brock et al., 2021, section 4.1). With Adam the size of "
        "all gradients together cancels: only differences between steps are left (Kingma and Ba, "
        "2015)."
    )
    cost = "a norm of all gradients in a step; nothing once trained"
    aliases = (
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "clip_grad_norm_",
        "clip_grad_value_",
        "grad_clip",
        "clip_gradients",
        "agc",
        "adaptive_gradient_clipping",
    )
    shorthand = "limit"
    update_order = 10
    search = {"limit": Range(1e-2, 10, log=True)}  # ``by``, which says of what, names a variant

    by: Literal["norm", "value", "adaptive"] = "norm"
    limit: Annotated[
        Float, Field(gt=0, le=1_000_000, description="0.5 by value, 0.01 adaptive")
    ] = 1.0

    @model_validator(mode="before")
    @classmethod
    def _limit_of_its_kind(cls, entry: Any) -> Any:
        """Fill in the default limit of a kind that has another one."""
        if isinstance(entry, dict) and "limit" not in entry and str(entry.get("by")) in _LIMITS:
            return {**entry, "limit": _LIMITS[str(entry["by"])]}
        return entry

    def ranges(self) -> Mapping[str, Range | Choice]:
        """Return the range; of the adaptive kind about the paper's 0.01 to 0.16."""
        return {"limit": Range(3e-3, 0.3, log=True)} if self.by == "adaptive" else self.search

    def update(self, variables: TrainedVariables) -> Update:
        """Return what clips the gradients."""
        return _Clipping(self, variables)


class _Clipping(Update):
    """Clips gradients; has no state."""

    def __init__(self, settings: GradientClipping, variables: TrainedVariables) -> None:
        self._by, self._limit, self._variables = settings.by, settings.limit, variables

    def gradients(self, compute: "Callable[[], Gradients]") -> "Gradients":
        """Return the clipped gradients."""
        import tensorflow as tf

        found = compute()
        if self._by == "norm":
            clipped: Gradients = tf.clip_by_global_norm(found, self._limit)[0]
            return clipped
        if self._by == "value":
            return [tf.clip_by_value(gradient, -self._limit, self._limit) for gradient in found]
        of_each = zip(self._variables, self._variables.roles, found, strict=True)
        return [self._adapted(variable, role, gradient) for variable, role, gradient in of_each]

    def _adapted(self, variable: "tf.Variable", role: Role, gradient: "tf.Tensor") -> "tf.Tensor":
        import tensorflow as tf

        if role.of_logits:
            return gradient
        axes = role.incoming or None  # of a bias or a scale, one norm for all of it

        def norm(values: "tf.Tensor") -> "tf.Tensor":
            return tf.sqrt(tf.reduce_sum(values**2, axis=axes, keepdims=True))

        largest = self._limit * tf.maximum(norm(variable), _LEAST_NORM)
        return gradient * tf.minimum(1.0, largest / tf.maximum(norm(gradient), 1e-6))
