"""A network that a function of the user's builds."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from regbench.errors import StudyError
from regbench.fields import Name
from regbench.networks.base import LOGITS, Network, Plan
from regbench.regularizers.base import LAYERS, Traits

if TYPE_CHECKING:
    import keras


def _dotted(path: str) -> str:
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):
        raise PydanticCustomError("function", "must be module.function or package.module.function")
    return path


class Own(Network):
    """Whatever Keras model ``function(image_shape, classes, hooks)`` returns.

    ``image_shape`` is height, width and channels, ``hooks`` a ``regbench.networks.hooks.Hooks``.
    Without the hooks, the model takes normalized images and returns logits or probabilities. It is
    made of Keras' own layers, so that its files load without the function.
    """

    title = "a network of your own"
    source = "[your network](your-network.md)"
    built_to_check = True

    function: Annotated[Name, AfterValidator(_dotted)]

    def code(self) -> tuple[str, ...]:
        """Return this module and the user's function."""
        module, _, name = self.function.rpartition(".")
        return (*super().code(), f"{module}:{name}")

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return that it may ask for everything: what it does is known once it is built."""
        return Traits(self.kind(), image_shape, frozenset(LAYERS))

    def build(self, plan: Plan) -> "keras.Model":
        """Return the function's model, from raw uint8 images to probabilities.

        Raises:
            StudyError: The function cannot be imported, fails, or returns something else.
        """
        from regbench.networks.hooks import Hooks
        from regbench.networks.inference import architecture, network_from_architecture

        module, _, name = self.function.rpartition(".")
        try:
            function = getattr(importlib.import_module(module), name)
            hooks = Hooks(plan)
            model = hooks.completed(function(plan.image_shape, plan.classes, hooks))
        except (Exception, SystemExit) as error:  # whatever a user's code raises
            raise self._fault(error) from error
        try:
            network_from_architecture(architecture(model))
        except Exception as error:
            raise self._fault(
                f"its model cannot be made again from its description, as files need it; it may "
                f"have only Keras' own layers, no Lambda: {_first_line(error).split('. ')[0]}"
            ) from error
        return model

    def check(self, model: "keras.Model") -> list[str]:
        """Return that normalized images are scaled again, if they are.

        Raises:
            StudyError: What are to be logits are probabilities already, or nothing is trained.
        """
        import keras
        import numpy as np

        if not model.trainable_variables:
            raise self._fault("its model has no weights to train")
        shape = (8, *model.input_shape[1:])
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        logits = np.asarray(keras.Model(model.inputs[0], model.get_layer(LOGITS).output)(images))
        if (logits >= 0).all() and np.allclose(logits.sum(axis=1), 1, atol=1e-4):
            raise self._fault(
                "its model returns probabilities, but not from a softmax at its end: let it end in "
                "logits"
            )
        scaled = "normalization" in {layer.name for layer in model.layers}
        again = [layer for layer in model._flatten_layers() if _is_of_raw_images(layer)]
        if not (scaled and again):
            return []
        return [
            f"{self.function} (parameters_networks.yml) scales images by {again[0].scale:.4g} in "
            f"its layer {again[0].name}, and they are normalized already; with "
            'keras.Input(image_shape, dtype="uint8") it is given raw ones'
        ]

    def leaves_out(self, keys: Sequence[str]) -> str:
        """Return the message on regularizers whose layers the function does not ask for."""
        return (
            f"{self.function} (parameters_networks.yml) does not call the hooks for the layers of "
            f"{', '.join(keys)}: docs/your-network.md"
        )

    def _fault(self, why: BaseException | str) -> StudyError:
        if isinstance(why, StudyError):
            why = why.message
        elif isinstance(why, BaseException):
            why = f"{type(why).__name__}: {_first_line(why)}"
        return StudyError(f"parameters_networks.yml: function: {self.function}: {why}")


def _is_of_raw_images(layer: "keras.Layer") -> bool:
    """Return whether a layer scales images of 0 to 255, as networks of raw images begin."""
    scale = getattr(layer, "scale", None)
    kind = type(layer).__name__ == "Rescaling" and layer.name != "normalization"
    return kind and isinstance(scale, int | float) and 0 < scale < 0.02


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
