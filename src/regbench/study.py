"""What a study is made of: its settings, their types, and what is allowed.

Every value stands in ``conf/``; this module says which keys exist, which values they take and
how a technique that combines others is put together.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

BASELINE = "baseline"
RESERVED_NAMES = frozenset({"data", "reporting", "prediction", "fetch_mnist", "sample_mnist"})

Share = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(min_length=1)]


class Settings(BaseModel):
    """Settings that refuse unknown keys and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Ingest(Settings):
    """Where the labels and pictures of a set are, and what a picture is turned into."""

    layout: Literal["auto", "label_file", "class_folders"]
    label_file: Name
    image_folder: str
    unlabeled_file: Name
    unlabeled_folder: str
    filename_column: Name
    label_column: Name
    separator: Annotated[str, Field(min_length=1, max_length=1)]
    mode: Literal["L", "RGB"]
    size: tuple[Annotated[int, Field(ge=1, le=4096)], Annotated[int, Field(ge=1, le=4096)]]
    background: Literal["black", "white"]
    max_pixels: Annotated[int, Field(ge=1)]
    max_rejected: Share

    @field_validator("size", mode="before")
    @classmethod
    def _square(cls, value: Any) -> Any:
        """Let one number stand for a square: ``--params`` takes no lists."""
        return (value, value) if isinstance(value, int | str) else value


class Normalization(Settings):
    """How pixel values are scaled; the figures are fitted on train rows."""

    method: Literal["min_max", "mean_std"]


class Zca(Settings):
    """ZCA whitening; ``epsilon`` is added to the eigenvalues of the pixels' covariance."""

    epsilon: Annotated[float, Field(gt=0)]


class Augmentation(Settings):
    """The random geometric changes of an augmented image."""

    rotation: Annotated[float, Field(ge=0, le=180, description="degrees, either way")]
    shift: Annotated[float, Field(ge=0, lt=1, description="share of height and width")]
    zoom: Annotated[float, Field(ge=0, lt=1, description="share, in and out")]
    shear: Annotated[float, Field(ge=0, lt=90, description="degrees, either way")]
    horizontal_flip: bool
    vertical_flip: bool
    fill: Literal["constant", "nearest", "reflect", "wrap"]
    fill_value: Annotated[int, Field(ge=0, le=255, description="grey level for constant fill")]


class Split(Settings):
    """Which rows are for training, for selecting (validation) and for reporting (test)."""

    method: Literal["stratified", "sequential"]
    train: Annotated[float, Field(gt=0, lt=1)]
    validation: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(ge=0, lt=1)]
    seed: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-6:
            raise ValueError(f"train + validation + test must sum to 1, not {total:g}")
        return self


class Network(Settings):
    """A fully connected network: one entry of ``hidden_units`` per hidden layer."""

    hidden_units: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    activation: Literal["relu", "elu", "gelu", "tanh"]


class Optimizer(Settings):
    """Adam (Kingma and Ba, 2015)."""

    name: Literal["adam"]
    learning_rate: Annotated[float, Field(gt=0)]


class Protocol(Settings):
    """What every technique of a study shares."""

    split: Split
    network: Network
    optimizer: Optimizer
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)]

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_of_seeds(cls, value: Any) -> Any:
        """Let a number stand for that many seeds: 3 is ``[1, 2, 3]``."""
        if isinstance(value, int) and not isinstance(value, bool):
            if not 1 <= value <= 1000:
                raise ValueError(
                    f"a number of seeds from 1 to 1000, or a list of seeds, not {value}"
                )
            return list(range(1, value + 1))
        return value

    @field_validator("seeds")
    @classmethod
    def _distinct_seeds(cls, value: list[int]) -> list[int]:
        if len(set(value)) < len(value):
            raise ValueError(f"every seed once, not {value}")
        return value


class EarlyStopping(Settings):
    """Stop when the monitored validation figure has not improved for ``patience`` epochs."""

    monitor: Literal["validation_cross_entropy", "validation_accuracy"] = "validation_cross_entropy"
    patience: Annotated[int, Field(ge=0)]
    restore_best: bool = True


class Technique(Settings):
    """A named set of regularizers; the empty set is the baseline."""

    description: str = ""
    l1: Annotated[float, Field(gt=0)] | None = None
    l2: Annotated[float, Field(gt=0)] | None = None
    dropout: Annotated[float, Field(gt=0, lt=1)] | None = None
    batch_normalization: bool = False
    zca: bool = False
    augmentation: bool | dict[str, Any] = False
    early_stopping: EarlyStopping | None = None

    def augmenter(self, shared: Augmentation) -> Augmentation | None:
        """The technique's augmentation: the study's, with the technique's own values on top.

        Raises:
            pydantic.ValidationError: An own value is unknown or out of range.
        """
        if self.augmentation is False:
            return None
        own = {} if self.augmentation is True else self.augmentation
        return Augmentation.model_validate({**shared.model_dump(), **own})


class Reporting(Settings):
    """What the comparison shows beside the runs' own figures."""

    published: dict[str, Share]


class Prediction(Settings):
    """Which technique labels the unlabelled images; ``best`` is the best on validation."""

    technique: Name


class Study(Settings):
    """Everything one configuration describes."""

    images: Name
    data_root: Name
    mnist_source: Name
    ingest: Ingest
    normalization: Normalization
    zca: Zca
    augmentation: Augmentation
    protocol: Protocol
    techniques: dict[str, Technique]
    reporting: Reporting
    prediction: Prediction

    def as_parameters(self) -> dict[str, Any]:
        """The settings as plain values, for the nodes.

        Techniques come without what they leave off; ``runs`` is added: for every technique and
        seed (``seed_<n>``) the technique's name, the seed and the regularizers.
        """
        techniques = {
            name: technique.model_dump(mode="json", exclude_defaults=True)
            for name, technique in self.techniques.items()
        }
        runs = {
            name: {
                f"seed_{seed}": {"technique": name, "seed": seed, "regularizers": regularizers}
                for seed in self.protocol.seeds
            }
            for name, regularizers in techniques.items()
        }
        values = self.model_dump(mode="json", exclude={"techniques"})
        return values | {"techniques": techniques, "runs": runs}


@dataclass(frozen=True)
class Problem:
    """One wrong key or value: where it stands (a path of keys) and what is wrong with it."""

    path: tuple[str, ...]
    message: str


class InvalidStudy(ValueError):  # noqa: N818 - it is about the study, the error is its reader's
    """Settings that make no study.

    Attributes:
        problems: Every wrong key and value found.
    """

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{'.'.join(p.path)}: {p.message}" for p in problems))


def read_study(parameters: Mapping[str, Any]) -> Study:
    """Check all settings of a study and put combined techniques together.

    Args:
        parameters: The merged content of all ``parameters*.yml``, globals and ``--params``.

    Returns:
        The study, every technique with its full set of regularizers.

    Raises:
        InvalidStudy: With every problem found, not only the first.
    """
    techniques, problems = _combine_techniques(parameters)
    try:
        study = Study.model_validate({**parameters, "techniques": techniques})
    except ValidationError as error:
        raise InvalidStudy(problems + _problems(error)) from None
    for name, technique in study.techniques.items():
        try:
            technique.augmenter(study.augmentation)
        except ValidationError as error:
            problems += _problems(error, ("techniques", name, "augmentation"))
    known = ["best", *study.techniques]
    if study.prediction.technique not in known:
        problems.append(
            Problem(
                ("prediction", "technique"),
                f"{study.prediction.technique!r} is not a technique; allowed: "
                f"{', '.join(known)}{_nearest(study.prediction.technique, known)}",
            )
        )
    if problems:
        raise InvalidStudy(problems)
    return study


_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


def _combine_techniques(
    parameters: Mapping[str, Any],
) -> tuple[dict[str, dict[str, Any]], list[Problem]]:
    """Replace each ``combine: [a, b]`` by the settings of a and b, own keys on top."""
    entries = parameters.get("techniques")
    if not isinstance(entries, Mapping):
        return {}, [Problem(("techniques",), "a mapping of technique names to regularizers")]
    # An entry set to null is taken out: how an environment drops a technique of base.
    entries = {name: entry for name, entry in entries.items() if entry is not None}
    combined: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []

    def settings(name: str, inside: tuple[str, ...]) -> dict[str, Any]:
        own = dict(entries[name])
        parts = own.pop("combine", [])
        if not isinstance(parts, list):
            problems.append(Problem(("techniques", name, "combine"), "a list of techniques"))
            return own
        merged: dict[str, Any] = {}
        for part in parts:
            path = ("techniques", name, "combine")
            if part in inside:
                problems.append(Problem(path, f"{part!r} contains itself"))
            elif not isinstance(entries.get(part), Mapping):
                near = _nearest(str(part), entries)
                problems.append(Problem(path, f"{part!r} is not a technique{near}"))
            else:
                for key, value in settings(part, (*inside, part)).items():
                    if key == "description":
                        continue
                    if key not in own and merged.get(key, value) != value:
                        problems.append(
                            Problem(path, f"two values for {key}; say in {name} which one holds")
                        )
                    merged[key] = value
        return merged | own

    for name, entry in entries.items():
        problems += _name_problems(str(name), [str(other) for other in entries])
        if not isinstance(entry, Mapping):
            problems.append(
                Problem(("techniques", str(name)), f"a mapping of regularizers, not {entry!r}")
            )
            continue
        combined[str(name)] = settings(name, (name,))
    if BASELINE not in entries:
        problems.append(
            Problem(("techniques",), f"{BASELINE!r} is missing: write '{BASELINE}: {{}}'")
        )
    elif combined.get(BASELINE, {}).keys() - {"description"}:
        problems.append(Problem(("techniques", BASELINE), "the baseline has no regularizers"))
    return combined, list(dict.fromkeys(problems))


def _name_problems(name: str, names: list[str]) -> list[Problem]:
    """A technique's name is also a folder, a pipeline and a namespace."""
    if not _NAME.fullmatch(name):
        return [
            Problem(
                ("techniques", name),
                "a name is at most 60 small letters, digits and underscores, a letter first",
            )
        ]
    if name in RESERVED_NAMES or name == "best":
        taken = ", ".join(sorted({*RESERVED_NAMES, "best"}))
        return [Problem(("techniques", name), f"the name is reserved, like all of: {taken}")]
    return []


def _problems(error: ValidationError, parent: tuple[str, ...] = ()) -> list[Problem]:
    """Turn pydantic's errors into one plain line each."""
    problems = []
    for detail in error.errors():
        path = (*parent, *(str(part) for part in detail["loc"]))
        if detail["type"] == "extra_forbidden":
            allowed = _allowed_keys(path[:-1])
            message = f"unknown key; allowed: {', '.join(allowed)}{_nearest(path[-1], allowed)}"
        elif detail["type"] == "missing":
            message = "is missing"
        else:
            message = detail["msg"].removeprefix("Value error, ")
            message = message[0].lower() + message[1:]
            if detail["type"] != "value_error":
                message += f", not {detail['input']!r}"
        problems.append(Problem(path, message))
    return problems


def _allowed_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand under a path of keys."""
    model: type[BaseModel] = Study
    if path[:1] == ("techniques",):
        model, path = Technique, path[2:]
    for part in path:
        if model is Technique and part == "augmentation":
            model = Augmentation
        else:
            model = _model_in(model.model_fields[part].annotation)
    keys = list(model.model_fields)
    return [*keys, "combine"] if model is Technique else keys


def _model_in(annotation: Any) -> type[BaseModel]:
    """The model in ``Model`` or ``Model | None``."""
    options = get_args(annotation) or (annotation,)
    model: type[BaseModel] = next(o for o in options if issubclass(o, BaseModel))
    return model


def _nearest(name: str, names: Iterable[Any]) -> str:
    """A hint at the most similar valid name, if one is similar."""
    near = get_close_matches(name, [str(other) for other in names], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""
