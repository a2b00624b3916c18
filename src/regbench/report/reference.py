"""The documentation's pages on regularizers, networks, figures and checks, made from the files.

``uv run python -m regbench.report.reference`` writes them into ``docs``.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from regbench.doctor.registry import checks
from regbench.evaluation.figures import registry
from regbench.evaluation.figures.base import Shown
from regbench.networks.registry import NETWORKS
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.regularizers.base import FAMILIES
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.cards import cards_page
from regbench.report.every_setting import settings_page
from regbench.report.settings_in_words import (
    lines_of,
    own_settings,
    search_of,
    settings_of,
    table_rows,
)

COMMAND = "uv run python -m regbench.report.reference"
_DOCS = Path(__file__).parents[3] / "docs"
_CONF = Path(__file__).parents[3] / "conf/base"
_MADE = f"This page is made from the files: `{COMMAND}`.\n"
_REGULARIZERS = """\
# Regularizers

The keys that a technique may have ([techniques](../conf/base/parameters_techniques.yml)). A number
stands for the setting in bold: `dropout: 0.25` is `dropout: {rate: 0.25}`. *Of the study* are
settings that all techniques share, in
[`parameters_data.yml`](../conf/base/parameters_data.yml); `true` takes them. What each means on
each kind of network stands [below](#on-each-kind-of-network); when each helps and when not, what it
costs and how it looks, on its [card](cards.md).

| key | title | what it does | family | acts on | settings (range) = default | tries | source |
|---|---|---|---|---|---|---|---|
"""
_ON_KINDS = """
## On each kind of network

Where a regularizer acts on a [kind of network](networks.md). A technique that means nothing for the
network of the study stops the command with a line before anything is trained. One that adds no
layers and leaves kernels alone means the same on every kind: input batch, loss, update and stop.

"""
_TOGETHER = """
## Several in one technique

All can be combined, but for those that a line refuses before anything is trained. Updates act in
this order in every step: SAM takes the gradients, then they are clipped, then noise is added;
`weight_decay` shrinks the kernels; the optimizer moves the weights; constraints (`max_norm`,
`unit_norm`) scale kernels; averages (`ema`, `swa`, `lookahead`) take them in. A technique can have
one average. Where there is one, it is what validation figures, early stopping and the kept network
are of. What `l2`, `weight_decay` and an optimizer's own decay are in each other's units:
[what decays what](weight-decay.md).
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
a training before the rate has fallen, and loses what the fall gives. The report says so.
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
_CHECKS = """\
# The doctor's checks

What may be wrong with a study itself, computed from what its trainings leave. Findings stand at
the top of the report, in the terminal, in the [history](monitoring.md) and in
`08_reporting/doctor.md` and `.json`: what was seen, why it matters, the next command and its price,
the three that matter most first. What another finding of the same network explains is left out.
[More on it](results.md#the-doctor).

| code | it says | raised if | why it matters |
|---|---|---|---|
"""
_PLACES = {
    Shown.COMPARISON: "comparison.csv",
    Shown.REPORT: "report",
    Shown.TEXT: "terminal and Markdown",
    Shown.TRAININGS: "table of seeds",
    Shown.HISTORY: "history",
    Shown.MLFLOW: "MLflow",
}


def regularizers_page() -> str:
    """Return the page on regularizers as Markdown: a row per regularizer."""
    rows = []
    order = list(FAMILIES)
    for key, kind in sorted(REGULARIZERS.items(), key=lambda of: order.index(of[1].family())):
        shared = kind.shared_settings()
        own = [] if kind.inherits_study_settings() else settings_of(kind, kind.shorthand)
        of_study = (
            [f"{setting} (of the study)" for setting in settings_of(shared)] if shared else []
        )
        tried = [f"`{name}`: {search_of(values)}" for name, values in kind.search.items()]
        rows.append(
            [
                f"[`{key}`](cards.md#{key})",
                kind.title,
                kind.effect,
                kind.family(),
                ", ".join(kind.acts()),
                lines_of([*own, *of_study]),
                lines_of(tried),
                kind.source,
            ]
        )
    made = f"\nA regularizer is a file of `regularizers`. {_MADE}"
    return _REGULARIZERS + table_rows(rows) + _ON_KINDS + _on_kinds() + _TOGETHER + made


def _on_kinds() -> str:
    """Return a table of what regularizers mean on each kind of network."""
    head = [["regularizer", *(f"`{kind}`" for kind in NETWORKS)], ["---"] * (len(NETWORKS) + 1)]
    rows = [
        [regularizer.title, *(regularizer.meaning_on(kind) for kind in NETWORKS)]
        for regularizer in REGULARIZERS.values()
    ]
    return table_rows([*head, *rows])


def networks_page() -> str:
    """Return the page on networks as Markdown: a row per kind of network."""
    rows = [
        [f"`{name}`", kind.title, lines_of(settings_of(kind)), kind.source]
        for name, kind in NETWORKS.items()
    ]
    return _NETWORKS + table_rows(rows) + f"\nA kind is a file of `networks/kinds`. {_MADE}"


def optimizers_page() -> str:
    """Return the page on optimizers and schedules as Markdown: a row each."""
    optimizers, schedules = (
        table_rows(
            [f"`{name}`", kind.title, lines_of(own_settings(kind)), kind.source]
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
    return _FIGURES + table_rows(rows) + f"\nA figure is a file of `evaluation/figures`. {_MADE}"


def _unless(code: str) -> str:
    """Return which other findings explain a check's, for its meaning; '' for none."""
    by = [f"`{check.code}`" for check in checks().values() if code in check.explains]
    return f" (unless {' or '.join(by)} explains it)" if by else ""


def checks_page() -> str:
    """Return the page on the doctor's checks as Markdown: a row per check, in order of codes."""
    rows = [
        [f"`{check.code}`", check.title, check.meaning + _unless(check.code), check.why]
        for check in checks().values()
    ]
    return _CHECKS + table_rows(rows) + f"\nA check is a file of `doctor/checks`. {_MADE}"


PAGES: dict[str, Callable[[], str]] = {
    "regularizers.md": regularizers_page,
    "cards.md": lambda: cards_page(_MADE),
    "networks.md": networks_page,
    "optimizers.md": optimizers_page,
    "figures.md": figures_page,
    "checks.md": checks_page,
    "settings.md": lambda: f"{settings_page(_CONF)}\n{_MADE}",
}


def write_pages(folder: Path) -> None:
    """Write all pages into a folder, over those that are there."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1]) if len(sys.argv) > 1 else _DOCS)
