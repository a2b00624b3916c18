"""The documentation's pages on regularizers, networks and figures, made from their declarations.

``uv run python -m regbench.report.reference`` writes them into ``docs``.
"""

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.fields import Settings
from regbench.networks.registry import NETWORKS
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.regularizers.base import Choice, Range
from regbench.regularizers.registry import REGULARIZERS

COMMAND = "uv run python -m regbench.report.reference"
_DOCS = Path(__file__).parents[3] / "docs"
_MADE = f"This page is made from the files: `{COMMAND}`.\n"
_REGULARIZERS = """\
# Regularizers

The keys that a technique may have ([techniques](../conf/base/parameters_techniques.yml)). A number
stands for the setting in bold: `dropout: 0.25` is `dropout: {rate: 0.25}`. *Of the study* are
settings that all techniques share, in
[`parameters_data.yml`](../conf/base/parameters_data.yml); `true` takes them. What each means on
each kind of network stands [below](#on-each-kind-of-network).

| key | regularizer | what it does | acts on | settings (range) = default | tuning tries | source |
|---|---|---|---|---|---|---|
"""
_ON_KINDS = """
## On each kind of network

Where a regularizer acts on a [kind of network](networks.md). A technique that means nothing for the
network of the study stops the command with a line before anything is trained. One that adds no
layers and leaves kernels alone means the same on every kind: input batch, loss, update and stop.

"""
_NETWORKS = """\
# Networks

What `kind` may be in [`parameters_networks.yml`](../conf/base/parameters_networks.yml), whose
entries `protocol.network` names: one, or [several in one study](results.md#several-networks).

| kind | network | settings (range) | source |
|---|---|---|---|
"""
_OPTIMIZERS = """\
# Optimizers and schedules

What `protocol.optimizer` and `protocol.schedule` may be, in
[`parameters_protocol.yml`](../conf/base/parameters_protocol.yml):
`uv run kedro run --params=protocol.optimizer.name=sgd,protocol.optimizer.momentum=0.9` for one run.

| `protocol.optimizer.name` | optimizer | settings (range) = default | source |
|---|---|---|---|
"""
_SCHEDULES = """
They are those of Keras. Adam and AdamW run as TensorFlow's fused kernel, which computes the same
faster. `weight_decay` is decoupled; biases, and scales and offsets of normalization, do not decay.

| `protocol.schedule.name` | schedule | settings (range) = default | source |
|---|---|---|---|
"""
_OF_SCHEDULES = """
A schedule gives the share of the learning rate of every optimizer step. `warmup`, in `unit`, is a
linear rise at the start. `final`, `start` and `minimum` are shares of the learning rate. `plateau`
multiplies the rate by `factor` after `patience` epochs without a better `monitor`; when that would
go below `minimum`, the training ends: `protocol.epochs` is the most that it may take. The rate of
every epoch is in `history.csv`.

Under a rate that falls over the planned epochs (`cosine`, `step`, `one_cycle`), early stopping ends
a training before the rate has fallen, and loses what the fall gives; the report says so.
`--params=protocol.schedule.name=plateau` is the schedule that goes with it.

Networks with phases, such as pretrained ones, have epochs and a learning rate in each, and the
schedule runs over each. `protocol.precision` is what layers compute in: with `mixed_float16` losses
are scaled, dynamically, so that small gradients do not vanish; weights, normalization of images,
logits and probabilities stay float32.
"""
_FIGURES = """\
# Figures

What is measured of every trained network. *Judged* is the part of the images that the study is
judged on: test, or validation in a study without a test part. Accuracies, losses and answers are
those of the finished network on unchanged images: the last epoch's, or the best epoch's where
early stopping restores it. Tables give means over seeds.

The names are the keys of `metrics.json` and the columns of `comparison.csv`, where shares are
stored as such (0.93, not 93 %) and bytes as bytes.

| name | figure | what it is | unit | better | shown in | source |
|---|---|---|---|---|---|---|
"""
_PLACES = {
    Shown.COMPARISON: "comparison.csv",
    Shown.REPORT: "report",
    Shown.TEXT: "terminal and Markdown",
    Shown.TRAININGS: "table of seeds",
    Shown.HISTORY: "history",
    Shown.MLFLOW: "MLflow",
}

_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_KINDS = {int: "whole number", float: "number", bool: "true or false"}


def regularizers_page() -> str:
    """Return the page on regularizers as Markdown: a row per regularizer."""
    rows = []
    for key, kind in REGULARIZERS.items():
        shared = kind.shared_settings()
        own = [] if kind.inherits_study_settings() else _settings(kind, kind.shorthand)
        of_study = [f"{setting} (of the study)" for setting in _settings(shared)] if shared else []
        tried = [f"`{name}`: {_search(values)}" for name, values in kind.search.items()]
        rows.append(
            [
                f"`{key}`",
                kind.title,
                kind.effect,
                ", ".join(kind.acts()),
                _lines([*own, *of_study]),
                _lines(tried),
                kind.source,
            ]
        )
    made = f"\nA regularizer is a file of `regularizers`. {_MADE}"
    return _REGULARIZERS + _rows(rows) + _ON_KINDS + _on_kinds() + made


def _on_kinds() -> str:
    """Return a table of what regularizers mean on each kind of network."""
    head = [["regularizer", *(f"`{kind}`" for kind in NETWORKS)], ["---"] * (len(NETWORKS) + 1)]
    rows = [
        [regularizer.title, *(regularizer.meaning_on(kind) for kind in NETWORKS)]
        for regularizer in REGULARIZERS.values()
    ]
    return _rows([*head, *rows])


def networks_page() -> str:
    """Return the page on networks as Markdown: a row per kind of network."""
    rows = [
        [f"`{name}`", kind.title, _lines(_settings(kind)), kind.source]
        for name, kind in NETWORKS.items()
    ]
    return _NETWORKS + _rows(rows) + f"\nA kind is a file of `networks/kinds`. {_MADE}"


def optimizers_page() -> str:
    """Return the page on optimizers and schedules as Markdown: a row each."""
    optimizers, schedules = (
        _rows(
            [f"`{name}`", kind.title, _lines(_own_settings(kind)), kind.source]
            for name, kind in kinds.items()
        )
        for kinds in (OPTIMIZERS, SCHEDULES)
    )
    made = f"\nEach is a class of `optimization`. {_MADE}"
    return _OPTIMIZERS + optimizers + _SCHEDULES + schedules + _OF_SCHEDULES + made


def figures_page() -> str:
    """Return the page on figures as Markdown: a row per figure, in the order of columns."""
    rows = []
    for figure in registry.figures():
        meaning = figure.legend("judged")
        if figure.setting:
            meaning += f"; one by {figure.setting}"
        rows.append(
            [
                f"`{figure.name}`",
                figure.text_heading("judged"),
                meaning,
                figure.unit.name,
                figure.better.value,
                ", ".join(name for place, name in _PLACES.items() if place in figure.shown),
                figure.source,
            ]
        )
    return _FIGURES + _rows(rows) + f"\nA figure is a file of `evaluation/figures`. {_MADE}"


PAGES: dict[str, Callable[[], str]] = {
    "regularizers.md": regularizers_page,
    "networks.md": networks_page,
    "optimizers.md": optimizers_page,
    "figures.md": figures_page,
}


def write_pages(folder: Path) -> None:
    """Write all pages into a folder, over those that are there."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def _rows(rows: Iterable[Iterable[str]]) -> str:
    """Return the lines of a Markdown table; an empty cell reads "–"."""
    lines = (" | ".join(cell.replace("|", "\\|") or "–" for cell in row) for row in rows)
    return "".join(f"| {line} |\n" for line in lines)


def _lines(parts: list[str]) -> str:
    """Return texts as the lines of one Markdown cell."""
    return "<br>".join(parts)


def _settings(model: type[Settings], shorthand: str | None = None) -> list[str]:
    """Return a line per setting: name, range or choices, and default if it has one."""
    shown = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        marked = f"**`{key}`**" if name == shorthand else f"`{key}`"
        default = "" if field.is_required() else f" = {_shown_default(field.default)}"
        shown.append(f"{marked} ({_range(field.annotation, field.metadata)}){default}")
    return shown


def _shown_default(value: Any) -> str:
    """Return a default as YAML has it."""
    return "null" if value is None else str(value)


def _own_settings(model: type[Settings]) -> list[str]:
    """Return a line per setting but ``name``."""
    return [line for line in _settings(model) if not line.startswith("`name`")]


def _range(annotation: Any, metadata: Iterable[Any]) -> str:
    """Return the values that a setting takes: its choices, or its type and bounds."""
    if get_origin(annotation) is Literal:
        return ", ".join(str(choice) for choice in get_args(annotation))
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _range(inner, [*more, *metadata])
    if get_origin(annotation) in (Union, UnionType):
        parts = [part for part in get_args(annotation) if part is not NoneType]
        shown = [_range(part, metadata) for part in parts]
        return " or ".join([*shown, *(["null"] if NoneType in get_args(annotation) else [])])
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return "; ".join(_settings(annotation))
    if get_origin(annotation) is list:
        return f"list of: {_range(get_args(annotation)[0], ())}"
    bounds = [
        f"{sign} {getattr(bound, key):g}"
        for part in metadata
        for bound in (getattr(part, "metadata", None) or [part])
        for key, sign in _BOUNDS.items()
        if hasattr(bound, key)
    ]
    return " ".join([_KINDS.get(annotation, "text"), " and ".join(bounds)]).strip()


def _search(values: Range | Choice) -> str:
    """Return the values that tuning tries, such as '0.1 to 0.5'."""
    if isinstance(values, Choice):
        return ", ".join(str(value) for value in values.values)
    log = ", log-uniform" if values.log else ""
    return f"{values.low:g} to {values.high:g}{log}"


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]) if len(sys.argv) > 1 else _DOCS)
