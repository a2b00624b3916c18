"""A technique: a named set of regularizers. Its keys are the modules in ``regularizers``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, create_model
from pydantic_core import PydanticCustomError

from regbench.fields import Settings
from regbench.regularizers.base import Regularizer
from regbench.regularizers.registry import REGULARIZERS


class _Technique(Settings):
    """A named set of regularizers; the empty set is the baseline."""

    def entries(self) -> dict[str, Any]:
        """Return its regularizers by key; of those that inherit settings, only its own values."""
        values = {key: getattr(self, key) for key in REGULARIZERS}
        return {key: value for key, value in values.items() if value not in (None, False)}

    def following(self, metric: str) -> Self:
        """Return a copy whose regularizers follow the metric that decides the study."""
        entries = self.entries().items()
        return self.model_copy(
            update={k: e.following(metric) for k, e in entries if isinstance(e, Regularizer)}
        )

    def prepared(self) -> list[str]:
        """Return the names of the data pipeline's datasets that its trainings need."""
        return [name for key in self.entries() for name in REGULARIZERS[key].prepared]

    def regularizers(self, prepared: Mapping[str, Any]) -> list[Regularizer]:
        """Return its regularizers, ready to act.

        Args:
            prepared: The data pipeline's results by dataset; at least those of ``prepared()``.

        Raises:
            pydantic.ValidationError: A technique's own value is unknown or out of range.
        """
        return [
            self._whole(key, entry, prepared).bound(prepared)
            for key, entry in self.entries().items()
        ]

    def in_full(self, shared: Mapping[str, Settings]) -> dict[str, Any]:
        """Return all settings of its regularizers, defaults included, by key, as plain values.

        Args:
            shared: The settings that all techniques share, by key.
        """
        values = {name: dict(settings) for name, settings in shared.items()}
        full = {}
        for key, entry in self.entries().items():
            if key in shared and not REGULARIZERS[key].inherits_study_settings():
                full[key] = values[key]
            else:
                full[key] = self._whole(key, entry, values).in_full()
        return full

    @staticmethod
    def _whole(key: str, entry: Any, shared: Mapping[str, Any]) -> Regularizer:
        """Return the regularizer of an entry; its own values replace inherited ones."""
        kind = REGULARIZERS[key]
        if not kind.inherits_study_settings():
            return kind.model_validate(entry)
        own = entry if isinstance(entry, Mapping) else {}
        return kind.model_validate({**shared[key], **own})


def _on_or_values(value: Any) -> Any:
    own = isinstance(value, dict) and all(isinstance(key, str) for key in value)
    if not (own or isinstance(value, bool)):
        wrong = "must be true, false, or values that replace the study's"
        raise PydanticCustomError("own_values", wrong)
    return value


def _off_is_none(value: Any) -> Any:
    return None if value is False else value


def _field(kind: type[Regularizer]) -> tuple[Any, Any]:
    """Return the type and the default of a technique's key."""
    if kind.inherits_study_settings():
        return Annotated[bool | dict[str, Any], BeforeValidator(_on_or_values)], False
    if kind.shorthand is None:
        return Annotated[kind | None, BeforeValidator(_off_is_none)], None
    return kind | None, None


if TYPE_CHECKING:
    Technique = _Technique
else:
    Technique = create_model(
        "Technique",
        __base__=_Technique,
        __module__=__name__,
        __doc__=_Technique.__doc__,
        **{key: _field(kind) for key, kind in REGULARIZERS.items()},
    )
