"""What a user's function gets to build a network with: the study's input, output and techniques."""

from typing import TYPE_CHECKING

from regbench.errors import StudyError
from regbench.networks.base import LOGITS, Plan

if TYPE_CHECKING:
    import keras


class Hooks:
    """The layers that a study puts into a network, for a function that builds one.

    All of it is optional. A network that is built without them is given normalized images, and
    takes every technique that needs no layers of its own.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._number = 1
        self._branches = 0
        self._image: keras.KerasTensor | None = None
        self._made: keras.Model | None = None

    @property
    def seed(self) -> int:
        """The training's seed."""
        return self._plan.seed

    def inputs(self) -> "keras.KerasTensor":
        """Return the normalized images, B x H x W x C float32, after the technique's input layers.

        The network's input itself, raw uint8 images, is put before them by ``model``.
        """
        image, normalization = self._plan.first_layers()
        self._image = image
        values = normalization(image)
        return self._through(self._plan.input_layers(tuple(values.shape[1:])), values)

    def before_activation(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return values after the technique's layers between a layer and its activation."""
        shape = tuple(values.shape[1:])
        return self._through(self._plan.before_activation(self._number, shape), values)

    def after_activation(self, values: "keras.KerasTensor") -> "keras.KerasTensor":
        """Return values after the technique's layers that follow an activation."""
        shape = tuple(values.shape[1:])
        values = self._through(self._plan.after_activation(self._number, shape), values)
        self._number += 1
        return values

    def on_branch(self, values: "keras.KerasTensor", depth: float) -> "keras.KerasTensor":
        """Return a residual branch's values after the technique's layers on it.

        Args:
            values: Of the branch, before they are added to the shortcut.
            depth: l / L for block l of L: above 0, at most 1.

        Raises:
            StudyError: The depth is another number.
        """
        if not 0 < depth <= 1:
            raise StudyError(f"hooks.on_branch: depth is l / L for block l of L, not {depth:g}")
        shape = tuple(values.shape[1:])
        self._branches += 1
        return self._through(self._plan.on_branch(self._branches, shape, depth), values)

    def model(self, values: "keras.KerasTensor") -> "keras.Model":
        """Return the model from ``inputs`` through the last hidden values to class probabilities.

        Args:
            values: B x anything; the layer of logits and the softmax are added.
        """
        import keras

        if self._image is None:
            raise StudyError("hooks.model needs what hooks.inputs began")
        values = self._through(self._plan.last_layers(), values)
        self._made = keras.Model(self._image, values, name="network")
        return self._made

    def completed(self, model: "keras.Model") -> "keras.Model":
        """Return the function's model from raw uint8 images to class probabilities.

        Args:
            model: From ``model``; or any other, from images (normalized, or raw if its input is
                of uint8) to logits or probabilities.

        Raises:
            StudyError: Its input or output has another shape, it ends in another activation, layers
                have penalties or constraints, which only techniques have, or weights of another
                type than float32.
        """
        import keras

        if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
            raise StudyError("must return a functional or sequential Keras model with its input")
        _check_shape("takes", model.inputs, self._plan.image_shape)
        _check_shape("returns", model.outputs, (self._plan.classes,))
        _check_no_penalties(model)
        _check_weights_are_float32(model)
        if model is self._made:
            return model
        model = _up_to_logits(model)
        image, normalization = self._plan.first_layers()
        values = model(image if model.inputs[0].dtype == "uint8" else normalization(image))
        # In float32, whatever precision the layers before them have.
        values = keras.layers.Activation("linear", name=LOGITS, dtype="float32")(values)
        values = keras.layers.Softmax(name="probabilities", dtype="float32")(values)
        return keras.Model(image, values, name="network")

    @staticmethod
    def _through(layers: "list[keras.Layer]", values: "keras.KerasTensor") -> "keras.KerasTensor":
        for layer in layers:
            values = layer(values)
        return values


def _check_shape(what: str, tensors: "list[keras.KerasTensor]", expected: tuple[int, ...]) -> None:
    found = [tuple(tensor.shape[1:]) for tensor in tensors]
    if found != [expected]:
        shown = ", ".join(str(shape) for shape in found)
        raise StudyError(f"its model {what} {shown} an image, not {expected}")


def _check_no_penalties(model: "keras.Model") -> None:
    """Refuse penalties and constraints of layers: no training would apply them."""
    for layer in model._flatten_layers():
        for name, value in vars(layer).items():
            if name.endswith(("_regularizer", "_constraint")) and value is not None:
                raise StudyError(
                    f"its layer {layer.name} has a {name.lstrip('_')}, which is not applied; leave "
                    "it out: techniques such as l2 have penalties"
                )


def _check_weights_are_float32(model: "keras.Model") -> None:
    """Refuse trained weights of another type: optimizers and penalties compute in float32."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.Model):  # its layers follow
            continue
        for weight in layer.trainable_weights:
            if weight.dtype != "float32":
                raise StudyError(
                    f"its layer {layer.name} has weights in {weight.dtype}, and only float32 is "
                    'trained; leave out its dtype, or let it be "mixed_float16" or '
                    '"mixed_bfloat16", which compute in 16 bits: protocol.precision does so for '
                    "all layers"
                )


def _up_to_logits(model: "keras.Model") -> "keras.Model":
    """Return a model without the softmax at its end, if it has one."""
    import keras

    last = model.outputs[0]._keras_history.operation
    inner = last
    while isinstance(inner, keras.Model):
        inner = inner.outputs[0]._keras_history.operation
    softmax = keras.activations.softmax
    activation = (
        softmax if type(inner).__name__ == "Softmax" else getattr(inner, "activation", None)
    )
    if activation in (None, keras.activations.linear):
        return model
    if activation is not softmax:
        raise StudyError(f"its model ends in {activation.__name__}, not in logits or softmax")
    if not isinstance(inner, keras.layers.Softmax | keras.layers.Activation) and hasattr(
        inner, "activation"
    ):
        inner.activation = keras.activations.linear  # of a dense layer
        return model
    if inner is not last:
        raise StudyError("its model has its softmax inside of another model; leave it out")
    (logits,) = last._inbound_nodes[0].input_tensors
    return keras.Model(model.inputs[0], logits, name=model.name)
