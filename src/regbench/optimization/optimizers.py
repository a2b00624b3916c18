"""The optimizers that ``protocol.optimizer`` may name: their settings, and Keras' own of the name.

Each is a class with its settings, title and source. ``weight_decay`` is decoupled (Loshchilov and
Hutter, 2019): in every step, before the gradient acts, kernels shrink by the learning rate times
``weight_decay`` of themselves. Biases, and scales and offsets of normalization, are left alone.
"""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from regbench.fields import Factor, Float, Settings

if TYPE_CHECKING:
    import keras

Decay = Annotated[Float, Field(ge=0, le=1000)]
Memory = Annotated[Float, Field(ge=0, lt=1)]  # the share of a running mean that a step keeps
Epsilon = Annotated[Float, Field(gt=0, le=1000)]


class _Optimizer(Settings):
    """How gradients change the weights; settings are those of Keras' optimizer."""

    title: ClassVar[str]
    source: ClassVar[str]  # the paper
    keras_name: ClassVar[str]  # in ``keras.optimizers``

    learning_rate: Factor

    def in_keras(self) -> "keras.optimizers.Optimizer":
        """Return Keras' optimizer with these settings; its weight decay excludes nothing yet."""
        import keras  # noqa: PLC0415 - commands that only read settings import this module

        settings = self.model_dump(exclude={"name"})
        if "weight_decay" in settings:
            settings["weight_decay"] = settings["weight_decay"] or None
        optimizer: keras.optimizers.Optimizer = getattr(keras.optimizers, self.keras_name)(
            **settings
        )
        return optimizer


class Adam(_Optimizer):
    """Adam: steps of the gradient's mean by the root of its mean square."""

    title = "Adam"
    source = "Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015"
    keras_name = "Adam"

    name: Literal["adam"]
    beta_1: Memory = 0.9
    beta_2: Memory = 0.999
    epsilon: Epsilon = 1e-7


class AdamW(_Optimizer):
    """Adam with decoupled weight decay."""

    title = "AdamW"
    source = "Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019"
    keras_name = "AdamW"

    name: Literal["adamw"]
    weight_decay: Annotated[Float, Field(gt=0, le=1000)] = 0.004
    beta_1: Memory = 0.9
    beta_2: Memory = 0.999
    epsilon: Epsilon = 1e-7


class Sgd(_Optimizer):
    """Stochastic gradient descent, plain or with momentum."""

    title = "stochastic gradient descent"
    source = "Sutskever et al., On the Importance of Initialization and Momentum, 2013"
    keras_name = "SGD"

    name: Literal["sgd"]
    momentum: Memory = 0.0
    nesterov: bool = False
    weight_decay: Decay = 0.0

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0, such as momentum: 0.9")
        return self


class RmsProp(_Optimizer):
    """RMSprop: steps of the gradient by the root of its mean square."""

    title = "RMSprop"
    source = "Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning, 2012"
    keras_name = "RMSprop"

    name: Literal["rmsprop"]
    rho: Memory = 0.9
    momentum: Memory = 0.0
    centered: bool = False
    epsilon: Epsilon = 1e-7
    weight_decay: Decay = 0.0


class Lion(_Optimizer):
    """Lion: steps of one size, by the sign of the gradient's mean."""

    title = "Lion"
    source = "Chen et al., Symbolic Discovery of Optimization Algorithms, 2023"
    keras_name = "Lion"

    name: Literal["lion"]
    beta_1: Annotated[Float, Field(gt=0, lt=1)] = 0.9
    beta_2: Memory = 0.99
    weight_decay: Decay = 0.0


OPTIMIZERS: dict[str, type[_Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": Sgd,
    "rmsprop": RmsProp,
    "lion": Lion,
}
Optimizer = Annotated[Adam | AdamW | Sgd | RmsProp | Lion, Field(discriminator="name")]
