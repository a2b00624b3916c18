"""A network that a function of the user's builds."""

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from regbench.errors import StudyError
from regbench.fields import Name
from regbench.networks.base import Network, Plan

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
        except Exception as error:  # whatever a user's code raises
            raise self._fault(error) from error
        try:
            network_from_architecture(architecture(model))
        except Exception as error:
            raise self._fault(
                f"its model cannot be made again from its description, as files need it; it may "
                f"have only Keras' own layers, no Lambda: {_first_line(error)}"
            ) from error
        return model

    def leaves_out(self, keys: Sequence[str]) -> str:
        """Return the message on regularizers whose layers the function does not ask for."""
        return (
            f"{self.function} (parameters_networks.yml) does not call the hooks for the layers of "
            f"{', '.join(keys)}: docs/your-network.md"
        )

    def _fault(self, why: Exception | str) -> StudyError:
        if isinstance(why, StudyError):
            why = why.message
        elif isinstance(why, Exception):
            why = f"{type(why).__name__}: {_first_line(why)}"
        return StudyError(f"parameters_networks.yml: function: {self.function}: {why}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
