"""The schema of a study: its settings and their ranges. The values are in ``conf/``."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    Field,
    PrivateAttr,
    SerializeAsAny,
    SerializerFunctionWrapHandler,
    ValidatorFunctionWrapHandler,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from regbench.fields import (
    YEAR,
    Count,
    Epochs,
    Float,
    Int,
    Name,
    Seeds,
    Settings,
    Share,
    Side,
    counted_seeds,
    network_names,
)
from regbench.networks.base import Network
from regbench.optimization.optimizers import Optimizer
from regbench.optimization.schedules import Constant, Schedule
from regbench.regularizers.registry import REGULARIZERS
from regbench.study.arms import Arm
from regbench.study.export import Export
from regbench.study.looks import Stage, fault_of_looks, last_of, look_name, looks_in, stages
from regbench.study.monitoring import Alarms, History
from regbench.study.recommend import Recommend
from regbench.study.refit import Refit
from regbench.study.reporting import Reporting
from regbench.study.scaling import LearningCurve, NetworkSize
from regbench.study.split import Split
from regbench.study.technique import Technique
from regbench.study.texts import Address, Column, LabelPattern, Results, Separator
from regbench.study.tuning import Tuning
from regbench.study.verify import Verify

BASELINE = "baseline"
BEST = "best"
EVERY = "every"  # technique, in `tuning.search`
COCKTAIL = "cocktail"  # the technique that the joint search finds
RESERVED_NAMES = frozenset(
    {
        *("data", "reporting", "prediction", "fetch_mnist", "sample_mnist"),  # other pipelines
        *("doctor", "pilot", "tuning", "learning_curve", "network_size", "refit", "export"),
        *("recommend", "bundle", "verify"),
        *(BEST, EVERY),
        *("nan", "null"),  # pandas reads these from CSV as missing
    }
)


if TYPE_CHECKING:
    Size = Literal["auto"] | tuple[int, int]
else:
    Size = tuple[Side, Side]  # height, width; a validator lets "auto" pass


class Ingest(Settings):
    """Where labels and pictures are, and how pictures are decoded."""

    layout: Literal["auto", "label_file", "class_folders", "split_folders", "file_names"]
    label_file: Name
    image_folder: str
    unlabeled_file: Name
    unlabeled_folder: str
    filename_column: Column
    label_column: Column
    split_column: Column
    separator: Separator
    label_from: Literal["auto", "top_folder", "parent_folder", "pattern"]
    label_pattern: LabelPattern | None
    merge_labels: bool
    mode: Literal["auto", "L", "RGB"]
    size: Size
    max_auto_size: Side
    aspect: Literal["stretch", "pad", "crop"]
    background: Literal["black", "white"]
    max_pixels: Annotated[Int, Field(ge=1, le=10**11)]
    max_rejected: Share
    duplicates: Literal["keep", "drop"]
    min_images_per_class: Count | None = None  # classes with fewer are left out

    @model_validator(mode="after")
    def _pattern_where_it_counts(self) -> Self:
        if self.label_from == "pattern" and self.label_pattern is None:
            raise ValueError("label_from: pattern needs ingest.label_pattern")
        if self.label_pattern is not None and (
            self.label_from not in ("auto", "pattern") or self.layout not in ("auto", "file_names")
        ):
            raise ValueError(
                f"label_pattern takes labels from file names; layout: {self.layout}, label_from: "
                f"{self.label_from} take them from elsewhere"
            )
        return self

    @field_validator("size", mode="wrap")
    @classmethod
    def _auto_or_square(cls, value: Any, as_pair: ValidatorFunctionWrapHandler) -> Any:
        """Accept ``auto``, and one number for a square: ``--params`` takes no lists."""
        if value == "auto":
            return value
        if isinstance(value, list | tuple) and len(value) == 2:
            return as_pair(value)
        side = str(value)
        if not (side.isascii() and side.isdigit() and 1 <= int(side) <= 4096):
            raise PydanticCustomError(
                "size", "must be auto, one number from 1 to 4096, or height and width"
            )
        return (int(side), int(side))

    @field_serializer("size")
    def _plain_size(self, size: Any) -> Any:
        return size if size == "auto" else list(size)


class Normalization(Settings):
    """How pixel values are scaled; scale and offset are fitted on train images."""

    method: Literal["min_max", "mean_std"]


class Protocol(Settings):
    """What every technique of a study shares."""

    split: Split
    network: Name | Annotated[list[Name], Field(min_length=2)]  # entries of ``networks``
    optimizer: Optimizer
    schedule: Schedule = Constant(name="constant")
    batch_size: Annotated[Int, Field(ge=1, le=1_000_000)]
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    epochs: Epochs
    checkpoint_minutes: Annotated[Float, Field(ge=0, le=YEAR)] | None = None
    seeds: Seeds
    looks: list[Count] = Field(default_factory=list)  # written as seeds: {looks: [5, 8]}

    @model_validator(mode="before")
    @classmethod
    def _seeds_of_looks(cls, given: Any) -> Any:
        """Accept looks in place of seeds: of ``{looks: [5, 8]}`` the seeds are 1 to 8."""
        looks = looks_in(given.get("seeds")) if isinstance(given, Mapping) else None
        return {**given, "seeds": last_of(looks), "looks": looks} if looks else given

    @field_validator("looks", mode="before")
    @classmethod
    def _rising_looks(cls, looks: Any) -> Any:
        if fault := fault_of_looks(looks):
            raise PydanticCustomError("looks", fault)
        return looks

    @model_validator(mode="after")
    def _looks_are_of_the_seeds(self) -> Self:
        if self.looks and self.seeds != list(range(1, self.looks[-1] + 1)):
            raise ValueError("looks stand under seeds: seeds: {looks: [5, 8]}")
        return self

    @model_serializer(mode="wrap")
    def _without_empty_looks(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = serialize(self)
        if not values.get("looks"):
            values.pop("looks", None)
        return values

    @field_validator("network", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        """Accept one name, or several."""
        names = network_names(value)
        return names if len(names) > 1 else names[0]

    @property
    def networks(self) -> list[str]:
        """The names of the networks that every technique trains."""
        return [self.network] if isinstance(self.network, str) else self.network

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: Any) -> Any:
        """Accept a number of seeds: 3 is ``[1, 2, 3]``."""
        return counted_seeds(value, 1000, "a list of seeds, or looks: {looks: [5, 8, 12]}")


class Evaluation(Settings):
    """How a trained network is measured beyond its predictions."""

    robustness_images: Annotated[Count, Field(description="images to corrupt, at most")]


class Prediction(Settings):
    """What labels the unlabelled images; ``best`` is the best on validation."""

    technique: Name
    network: Name = BEST  # of a study of several
    error_rate: Annotated[Float, Field(gt=0, lt=1)] = 0.01  # of images called sure, at most


CHANNELS = {"L": 1, "RGB": 3}  # by colour mode


class _Study(Settings):
    """A study: all that one configuration describes."""

    images: Address
    data_root: Results
    mnist_source: Name
    if_in_use: Literal["stop", "wait"]
    if_unfit: Literal["stop", "leave_out"] = "stop"
    ingest: Ingest
    normalization: Normalization
    evaluation: Evaluation
    networks: dict[str, SerializeAsAny[Network]]
    protocol: Protocol
    techniques: dict[str, Technique]
    reporting: Reporting
    history: History
    alarms: Alarms
    prediction: Prediction
    refit: Refit
    export: Export
    tuning: Tuning
    learning_curve: LearningCurve
    network_size: NetworkSize
    recommend: Recommend
    bundle: Name = Field(
        "08_reporting/bundle.zip",
        description="The study of somebody else that the pipeline `verify` checks; "
        "without it the study's own, below `data_root`: docs/use.md.",
    )
    verify: Verify

    # Techniques that were left out, as they mean nothing for the network: why, by name.
    _left_out: dict[str, str] = PrivateAttr(default_factory=dict)
    _only_on: dict[str, list[str]] = PrivateAttr(default_factory=dict)

    @property
    def left_out(self) -> dict[str, str]:
        """Why techniques that the settings name are no part of the study, by name."""
        return self._left_out

    def without(self, unfit: Mapping[str, str]) -> Self:
        """Return the study without some techniques, such as those that do not fit its network.

        Args:
            unfit: Why, by name.
        """
        kept = {name: found for name, found in self.techniques.items() if name not in unfit}
        study = self.model_copy(update={"techniques": kept})
        study._left_out = {**self._left_out, **unfit}
        return study

    def trained_on(self, only_on: Mapping[str, list[str]]) -> Self:
        """Return the study in which some techniques train some of its networks only.

        Those of which it trains no network are left out.

        Args:
            only_on: Names of networks, by technique; the others train all.
        """
        trained = self.protocol.networks
        study = self.without(
            {
                name: f"its network is {networks[0]}"
                if len(networks) == 1
                else f"its networks are {', '.join(networks)}"
                for name, networks in only_on.items()
                if name in self.techniques and not set(networks) & set(trained)
            }
        )
        kept = {name: list(of) for name, of in only_on.items() if name in study.techniques}
        study._only_on = kept
        return study

    def networks_of(self, technique: str) -> list[str]:
        """Return the names of the networks that a technique trains, in the study's order.

        None if it is no part of the study.
        """
        trained = self.protocol.networks if technique in self.techniques else []
        return [name for name in trained if name in self._only_on.get(technique, trained)]

    @field_serializer("networks")
    def _entries(self, networks: dict[str, Network]) -> dict[str, Any]:
        return {name: network.as_entry() for name, network in networks.items()}

    @property
    def network(self) -> Network:
        """The network that every technique trains; of several, the first."""
        return self.networks[self.protocol.networks[0]]

    @property
    def trained_networks(self) -> dict[str, Network]:
        """The networks that every technique trains, by name; a single one is under ''."""
        names = self.protocol.networks
        if len(names) == 1:
            return {"": self.networks[names[0]]}
        return {name: self.networks[name] for name in names}

    @property
    def arms(self) -> list[Arm]:
        """What is trained with every seed: by technique, and within one by network."""
        several = len(self.protocol.networks) > 1
        return [
            Arm(name, network if several else "")
            for name in self.techniques
            for network in self.networks_of(name)
        ]

    @property
    def stages(self) -> list[Stage]:
        """The stages in which every arm trains: one, or where there are looks one to each."""
        return stages(self.protocol.seeds, self.protocol.looks)

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """Height, width and channels of the images; None if the images decide on any of them."""
        size, mode = self.ingest.size, self.ingest.mode
        if isinstance(size, str) or mode not in CHANNELS:
            return None
        return (*size, CHANNELS[mode])

    @property
    def shared(self) -> dict[str, Settings]:
        """The settings that all techniques share, by the key of the regularizer."""
        return {key: getattr(self, key) for key in SHARED}

    def as_parameters(self) -> dict[str, Any]:
        """Return the settings as plain values, for the nodes.

        Regularizers that a technique does not use are left out. The inputs of trainings are added:
        ``network`` (where there is one), ``trainings`` (name and regularizers by arm), ``seeds``
        and ``refit_seeds``, by ``seed_<n>``; and those of looks: ``looks``, by ``look_<n>``.
        """
        given = self.techniques.items()
        techniques = {k: v.model_dump(mode="json", exclude_defaults=True) for k, v in given}
        trainings = {
            arm.name: {"technique": arm.name, "regularizers": techniques[arm.technique]}
            for arm in self.arms
        }
        seeds = {f"seed_{seed}": seed for seed in self.protocol.seeds}
        values = self.model_dump(mode="json", exclude={"techniques"})
        inputs: dict[str, Any] = {"trainings": trainings, "seeds": seeds}
        inputs["refit_seeds"] = {f"seed_{seed}": seed for seed in self.refit.seeds}
        if self.protocol.looks:
            inputs["looks"] = {look_name(look): look for look in self.protocol.looks}
        if only := self.trained_networks.get(""):
            inputs = {"network": only.as_entry(), **inputs}
        return values | {"techniques": techniques} | inputs


# Groups of settings that all techniques share, by the key of the regularizer.
SHARED: dict[str, type[Settings]] = {
    key: shared
    for key, kind in REGULARIZERS.items()
    if (shared := kind.shared_settings()) is not None
}

if TYPE_CHECKING:
    Study = _Study
else:
    Study = create_model(
        "Study",
        __base__=_Study,
        __module__=__name__,
        __doc__=_Study.__doc__,
        **{key: (kind, ...) for key, kind in SHARED.items()},
    )
