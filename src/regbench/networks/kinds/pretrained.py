"""A network of ``keras.applications`` with weights that were trained on other images."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from regbench.errors import StudyError
from regbench.fields import Epochs, Factor, Float, Name, Settings, Side
from regbench.networks.applications import WITH_ALPHA, Application, scaled, smallest_side
from regbench.networks.base import Network, Phase, Plan
from regbench.regularizers.base import Traits

if TYPE_CHECKING:
    import keras

IMAGENET = "imagenet"
_BODY = "pretrained"  # the name of the application's network inside of the whole
_SUFFIXES = (".h5", ".keras")


class Head(Settings):
    """The first phase: the head is trained, and all else is frozen."""

    epochs: Epochs
    learning_rate: Factor


class FineTune(Settings):
    """The last phase: the head and the upper layers are trained."""

    model_config = ConfigDict(serialize_by_alias=True)

    start: Annotated[
        str | Float,
        Field(
            alias="from",
            description="the first layer that is trained: its name or how it begins, such as "
            "block_13; or a share of the layers, counted from the image",
        ),
    ]
    epochs: Epochs
    learning_rate: Factor
    batch_normalization: bool = False  # whether it is trained, too, and its averages go on

    @field_validator("start", mode="before")
    @classmethod
    def _layer_or_share(cls, value: Any) -> Any:
        """Refuse anything else in one line: a union would give one for each of its types."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not isinstance(value, str) and not (is_number and 0 <= value <= 1):
            raise PydanticCustomError("share", "must be a layer's name or a share from 0 to 1")
        return value


class Pretrained(Network):
    """A network of ``keras.applications`` without its top, and a head of logits.

    Raw images get the channels, the size and the scaling with which it was trained, inside of the
    network: a grey image is repeated as red, green and blue, and one that is smaller than the
    network takes, or than ``resize``, is enlarged (bilinear).

    With ``head`` or ``fine_tune`` the training has phases, whose epochs and learning rates stand
    in place of the protocol's. Batch normalization of frozen layers runs in inference mode, and
    while fine-tuning, too, unless ``fine_tune.batch_normalization`` is true.

    A technique's layers stand between the pooled features and the logits.
    """

    title = "pretrained network"
    source = "keras.applications, where each network's paper is named"
    built_to_check = True

    application: Application
    weights: Annotated[Name | None, Field(description="imagenet, a file, or null: random")]
    alpha: Annotated[Float | None, Field(gt=0, le=2, description="width of a MobileNet")] = None
    resize: Annotated[Side | None, Field(description="pixels of the sides it is given")] = None
    head: Head | None = None
    fine_tune: FineTune | None = None

    @model_validator(mode="after")
    def _settings_together(self) -> Self:
        if self.alpha is not None and self.application not in WITH_ALPHA:
            raise ValueError(f"alpha is a setting of {', '.join(WITH_ALPHA)} only")
        smallest = smallest_side(self.application)
        if self.resize is not None and self.resize < smallest:
            raise ValueError(f"resize must be at least {smallest} for {self.application}")
        if self.weights not in (None, IMAGENET) and not str(self.weights).endswith(_SUFFIXES):
            raise ValueError(
                f"weights must be {IMAGENET}, null or a file that ends in {' or '.join(_SUFFIXES)}"
            )
        return self

    def traits(self, image_shape: tuple[int, int, int] | None = None) -> Traits:
        """Return that a technique's layers have a place before the head only."""
        return Traits(
            self.kind(),
            image_shape,
            frozenset({"layers_after_activation"}),
            normalized=True,
            feature_maps=False,
            weights_trained=self.weights is not None,
        )

    def files(self) -> tuple[str, ...]:
        """Return the file of weights, if there is one."""
        return () if self.weights in (None, IMAGENET) else (str(self.weights),)

    def notes(self, image_shape: tuple[int, int, int]) -> list[str]:
        """Return that images are enlarged, if they are."""
        sides = self._sides(image_shape)
        if sides == image_shape[:2]:
            return []
        height, width, _ = image_shape
        return [
            f"{self.application}: images of {height} x {width} are resized to {sides[0]} x "
            f"{sides[1]} inside of the network"
        ]

    def build(self, plan: Plan) -> "keras.Model":
        """Return a functional model, the application's network as a layer in it.

        Raises:
            StudyError: The weights cannot be fetched or read, or are of another network.
        """
        import keras

        body = self._body(plan)
        image = plan.image_layer()
        values = image
        if plan.image_shape[2] == 1:
            values = keras.layers.Concatenate(name="colour")([values] * 3)
        sides = self._sides(plan.image_shape)
        if sides != plan.image_shape[:2]:
            values = keras.layers.Rescaling(1.0, name="unscaled")(values)  # to float
            values = keras.layers.Resizing(*sides, name="resizing")(values)
        values = body(scaled(self.application, values))
        for layer in plan.after_activation(1, tuple(values.shape[1:])):
            values = layer(values)
        for layer in plan.last_layers():
            values = layer(values)
        return keras.Model(image, values, name="network")

    def epochs_of_phases(self) -> dict[str, int]:
        """Return the epochs of the head's phase and of fine-tuning, those of them that are set."""
        phases = {"head": self.head, "fine_tune": self.fine_tune}
        return {name: phase.epochs for name, phase in phases.items() if phase}

    def phases(self, model: "keras.Model") -> Sequence[Phase]:
        """Return the head's phase and fine-tuning, those of them that are set.

        Raises:
            StudyError: No layer's name begins with ``fine_tune.from``.
        """
        phases = []
        body = model.get_layer(_BODY).layers
        if self.head:
            frozen = frozenset(layer.name for layer in body)
            phases.append(Phase("head", self.head.epochs, self.head.learning_rate, frozen))
        if self.fine_tune:
            tuned = self.fine_tune
            kept = {layer.name for layer in body[: self._first_tuned(body)]}
            if not tuned.batch_normalization:
                kept |= {
                    layer.name for layer in body if type(layer).__name__ == "BatchNormalization"
                }
            phases.append(Phase("fine_tune", tuned.epochs, tuned.learning_rate, frozenset(kept)))
        return phases

    def _first_tuned(self, layers: "list[keras.Layer]") -> int:
        start = self.fine_tune.start if self.fine_tune else 0.0
        if not isinstance(start, str):
            return round(start * len(layers))
        for number, layer in enumerate(layers):
            if layer.name.startswith(start):
                return number
        names = [layer.name for layer in layers if layer.weights]
        raise StudyError(
            f"parameters_networks.yml: fine_tune.from: no layer of {self.application} begins with "
            f"{start!r}; they are {', '.join(names[:3])}, ..., {', '.join(names[-3:])}"
        )

    def _sides(self, image_shape: tuple[int, int, int]) -> tuple[int, int]:
        """Return the height and width that the application's network is given."""
        if self.resize:
            return self.resize, self.resize
        height, width, _ = image_shape
        enlarged = max(1.0, smallest_side(self.application) / min(height, width))
        return round(height * enlarged), round(width * enlarged)

    def _body(self, plan: Plan) -> "keras.Model":
        """Return the application's network without its top, with its weights.

        It is named once it is there: by the name that Keras gives them, some applications choose
        their layers and the file to fetch. Random weights are drawn while building: they depend on
        the plan's seed alone.
        """
        import keras

        made = getattr(keras.applications, self.application)
        settings: dict[str, Any] = {"include_top": False, "pooling": "avg"}
        settings["input_shape"] = (*self._sides(plan.image_shape), 3)
        if self.alpha is not None:
            settings["alpha"] = self.alpha
        if self.weights == IMAGENET:
            try:
                with warnings.catch_warnings():  # that weights for larger images are taken
                    warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
                    body = made(weights=IMAGENET, **settings)
            except Exception as error:
                raise self._not_fetched(error) from error
        else:
            body = made(weights=None, **settings)
        if self.files():
            self._read_weights(body, Path(str(self.weights)))
        body.name = _BODY
        return body

    def _read_weights(self, body: "keras.Model", path: Path) -> None:
        """Read a file of weights into the application's network; nothing in it is executed."""
        if not path.is_file():
            raise StudyError(f"parameters_networks.yml: weights: there is no file {path}")
        before = [weight.numpy() for weight in body.weights]
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # a container for each layer, without weights of its own
            try:
                body.load_weights(path)
            except Exception as error:  # whatever Keras and h5py raise at a foreign or damaged file
                raise self._not_read(path, error) from error
        if all(
            (a == b).all() for a, b in zip(before, [w.numpy() for w in body.weights], strict=True)
        ):
            raise self._not_read(path, "no weight in it has a layer here")

    def _not_read(self, path: Path, why: Exception | str) -> StudyError:
        lines = [line.strip() for line in str(why).splitlines() if line.strip()]
        of = f"{self.application} ({self._arguments()})"
        said = lines[0][:200] if lines else type(why).__name__
        return StudyError(
            f"parameters_networks.yml: weights: {path} holds no weights of {of}: {said}"
        )

    def _not_fetched(self, error: Exception) -> StudyError:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        said = lines[0][:200] if lines else type(error).__name__
        return StudyError(
            f"parameters_networks.yml: weights: imagenet: cannot fetch those of {self.application}"
            f" ({said}); on a machine with access, keras.applications.{self.application}("
            f"{self._arguments()}).save_weights('NAME.weights.h5') makes a file to bring: "
            "weights: PATH"
        )

    def _arguments(self) -> str:
        """Return the arguments that make the application's network with weights like these."""
        alpha = "" if self.alpha is None else f", alpha={self.alpha:g}"
        return f"include_top=False{alpha}"
