"""Pictures: the contact sheet of augmented images, and what the report draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from regbench.comparison.compare import headline_part, judged_part
from regbench.comparison.statistics import BETTER, DESCRIPTIVE, EQUIVALENT, UNDECIDED, WORSE
from regbench.evaluation.classification import reliability
from regbench.evaluation.results import Results
from regbench.report.plots.style import (
    COLOURS,
    NARROW,
    WIDE,
    cell,
    in_style,
    label_cells,
    legend,
    line_styles,
    panels,
    row_axis,
    shade,
    short,
    spread,
    squeezed,
)
from regbench.report.sentences import (
    corruption_table,
    difference_text,
    finished,
    pruning_curves,
    seed_differences,
    signed,
    verdict_text,
)
from regbench.study.schema import BASELINE

FEWEST_ANSWERS = 10  # a dot of a reliability curve stands for so many at least
MOST_CELLS = 130  # along a side of a confusion matrix
MOST_COUNTED_CLASSES = 20  # with more, a confusion matrix is drawn without its counts

# By verdict: marker and colour. An arrow points to where the difference lies.
VERDICT_MARKS = {
    BETTER: (">", "better"),
    WORSE: ("<", "worse"),
    EQUIVALENT: ("s", "accent"),
    UNDECIDED: ("o", "muted"),
    DESCRIPTIVE: ("D", "muted"),
}


def sheet_rows(split_index: pd.DataFrame, most: int = 10) -> np.ndarray:
    """Choose train images for a contact sheet: the first of each class, then the next ones.

    Args:
        split_index: A row per image with target and split.
        most: How many at most.

    Returns:
        Rows, int.
    """
    train = split_index[split_index["split"] == "train"]
    turn = train.groupby("target").cumcount()
    order = np.lexsort((train["target"], turn))[:most]
    return np.flatnonzero(split_index["split"] == "train")[order]


def contact_sheet(strips: Mapping[str, np.ndarray], labels: list[str]) -> Figure:
    """Draw strips of images one below the other.

    Args:
        strips: Images by title, each N x H x W x C: uint8, or float (stretched to its own range).
        labels: Of the N images.
    """
    columns = len(labels)
    figure = Figure(figsize=(1.1 * columns + 1.6, 1.25 * len(strips) + 0.4), layout="constrained")
    axes = figure.subplots(len(strips), columns, squeeze=False)
    for row, (title, images) in zip(axes, strips.items(), strict=True):
        for axis, image in zip(row, images, strict=True):
            axis.imshow(_displayable(image), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
        row[0].set_ylabel(title, rotation=0, ha="right", va="center", fontsize=11)
    for axis, label in zip(axes[0], labels, strict=True):
        axis.set_title(short(label, 12), fontsize=11, parse_math=False)
    return figure


@in_style
def difference_plot(
    comparison: pd.DataFrame,
    results: Mapping[str, Results] | None = None,
    width: int = WIDE,
) -> Figure:
    """Draw every technique's difference to the baseline, with its intervals.

    A difference far beyond all others is drawn as an arrow at the edge and told by its figures.

    Args:
        comparison: From ``compare``; its order is the order of rows, and ``attrs["band"]`` the
            band of practical equivalence, a share of 1.
        results: With them, every run's difference to the baseline's run of its seed is a dot.
        width: In pixels.
    """
    rows = _with_figures(comparison, ["difference"])
    differences = seed_differences(results or {})
    remarks = [f"{difference_text(row)}\u2002{verdict_text(row)}".strip() for row in rows]
    figure, axis = row_axis([str(row["technique"]) for row in rows], remarks, width)
    band = 100 * float(comparison.attrs.get("band", 0))
    if band:
        axis.axvspan(-band, band, color=COLOURS["accent"], alpha=0.16, linewidth=0, zorder=0)
    axis.axvline(0, color=COLOURS["ink"], linewidth=1, zorder=1)
    limit_low, limit_high = _difference_limits(rows, band)
    for height, row in enumerate(reversed(rows)):
        marker, colour = _verdict_mark(row)
        paint = COLOURS[colour]
        centre = 100 * row["difference"]
        if not limit_low <= centre <= limit_high:
            edge = limit_low if centre < 0 else limit_high
            axis.plot(edge, height, "<" if centre < 0 else ">", color=paint, markersize=10)
            continue
        low, high = _ends(row, "bootstrap")
        axis.plot([low, high], [height - 0.2] * 2, color=paint, linewidth=1.2, marker="|")
        low, high = _ends(row, "difference")
        axis.plot([low, high], [height] * 2, color=paint, linewidth=4.5, alpha=0.55)
        seeds = 100 * differences.get(row["technique"], pd.Series(dtype=float))
        axis.plot(seeds, [height + 0.2] * len(seeds), "o", color=paint, markersize=3.5, alpha=0.7)
        axis.plot(
            centre,
            height,
            marker,
            color=paint,
            markersize=8,
            markerfacecolor=COLOURS["surface"] if colour == "muted" else paint,
            markeredgewidth=1.6,
        )
    axis.set_xlim(limit_low, limit_high)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: signed(value, "g")))
    axis.set_xlabel("difference to the baseline in percentage points; right is better")
    paint = COLOURS["muted"]
    handles: list[Line2D | Patch] = [
        Line2D([], [], color=paint, linewidth=4.5, alpha=0.55, label="95 % interval (paired t)"),
        Line2D([], [], color=paint, linewidth=1.2, marker="|", label="95 % bootstrap interval"),
    ]
    if differences:
        dot = Line2D([], [], color=paint, marker="o", markersize=3.5, linewidth=0)
        dot.set_label("one seed")
        handles.append(dot)
    if band:
        label = f"practically equal (±{band:g})"
        handles.append(Patch(color=COLOURS["accent"], alpha=0.16, linewidth=0, label=label))
    legend(figure, handles, width)
    return figure


@in_style
def gap_plot(comparison: pd.DataFrame, width: int = WIDE) -> Figure:
    """Draw train and headline accuracy of every technique, and the gap between them.

    Args:
        comparison: From ``compare``; its order is the order of rows.
        width: In pixels.
    """
    headline = f"{headline_part(comparison)}_accuracy"
    rows = _with_figures(comparison, ["train_accuracy", headline])
    names = [str(row["technique"]) for row in rows]
    gaps = [100 * (row["train_accuracy"] - row[headline]) for row in rows]
    figure, axis = row_axis(names, [f"gap {signed(gap)}" for gap in gaps], width)
    for height, row in enumerate(reversed(rows)):
        paint = COLOURS["ink" if row["technique"] == BASELINE else "accent"]
        seen, unseen = 100 * row["train_accuracy"], 100 * row[headline]
        axis.plot([unseen, seen], [height] * 2, color=paint, linewidth=2.5, alpha=0.5)
        axis.plot(seen, height, "D", color=paint, markerfacecolor=COLOURS["surface"], markersize=7)
        axis.plot(unseen, height, "o", color=paint, markersize=8)
    axis.set_xlabel("accuracy in %")
    axis.margins(x=0.06)
    paint = COLOURS["accent"]
    unseen_mark = Line2D([], [], color=paint, marker="o", markersize=8, linewidth=0)
    unseen_mark.set_label(headline.replace("_", " "))
    seen_mark = Line2D([], [], color=paint, marker="D", markersize=7, linewidth=0)
    seen_mark.set_markerfacecolor(COLOURS["surface"])
    seen_mark.set_label("train accuracy")
    legend(figure, [unseen_mark, seen_mark], width)
    return figure


@in_style
def learning_curves(
    results: Mapping[str, Results], scale: tuple[int, float] | None = None
) -> Figure:
    """Draw train and validation accuracy by epoch: the mean over seeds, and their range.

    Args:
        results: By technique; a panel each, with its name above unless it is the only one.
        scale: From ``learning_scale``, default that of ``results``.
    """
    epochs, low = learning_scale(results) if scale is None else scale

    def draw(axis: Axes, technique: Results) -> None:
        for figure, colour, dash in (
            ("train_accuracy", "muted", "-"),
            ("validation_accuracy", "accent", (0, (4, 1.5))),
        ):
            by_epoch = 100 * technique.epochs.groupby("epoch")[figure].agg(["mean", "min", "max"])
            axis.fill_between(
                by_epoch.index,
                by_epoch["min"],
                by_epoch["max"],
                color=COLOURS[colour],
                alpha=0.2,
                linewidth=0,
            )
            axis.plot(
                by_epoch.index,
                by_epoch["mean"],
                color=COLOURS[colour],
                linestyle=dash,
                linewidth=1.8,
                marker="o" if len(by_epoch) == 1 else "",
                label=f"{figure.removesuffix('_accuracy')}, mean over seeds and their range",
            )
        axis.set_xlim(0.7, epochs + 0.3)
        axis.set_ylim(100 * low, 100.8)
        axis.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(5))

    return panels(finished(results), draw, "epoch", "accuracy in %")


def learning_scale(results: Mapping[str, Results]) -> tuple[int, float]:
    """Where all learning curves find room: the most epochs, and an accuracy.

    The accuracy lies below every last epoch's and nine of ten of all epochs'.
    """
    figures = ["train_accuracy", "validation_accuracy"]
    tables = [found.epochs for found in finished(results).values()]
    if not tables:
        return 1, 0.0
    accuracies = np.concatenate([table[figures].to_numpy(dtype=float).ravel() for table in tables])
    last = [table.groupby("seed")[figures].last().to_numpy(dtype=float).min() for table in tables]
    epochs = max(int(table["epoch"].max()) for table in tables)
    return epochs, max(0.0, min(*last, float(np.quantile(accuracies, 0.1))) - 0.02)


@in_style
def reliability_plot(results: Mapping[str, Results]) -> Figure:
    """Draw, by confidence, how often the answers were right.

    The larger a dot, the more answers it stands for; the line through it spans the seeds. Dots
    for fewer than ``FEWEST_ANSWERS`` are left out.

    Args:
        results: By technique; a panel each, with its name above unless it is the only one.
    """
    part = judged_part(results)
    chosen = {name: found for name, found in results.items() if len(found.predictions)}

    def draw(axis: Axes, technique: Results) -> None:
        axis.plot([0, 100], [0, 100], color=COLOURS["muted"], linewidth=1, linestyle=(0, (4, 3)))
        scored = technique.predictions[technique.predictions["split"] == part]
        confidence = scored["confidence"].to_numpy()
        right = (scored["label"] == scored["predicted"]).to_numpy()
        seeds = scored["seed"].to_numpy()
        curve = reliability(confidence, right).set_index("low")
        curve = curve[curve["images"] >= FEWEST_ANSWERS]
        by_seed = pd.concat(
            reliability(confidence[seeds == seed], right[seeds == seed]) for seed in set(seeds)
        )
        spans = by_seed.groupby("low")["accuracy"].agg(["min", "max"]).loc[curve.index]
        places = 100 * curve["confidence"].to_numpy()
        axis.vlines(
            places,
            100 * spans["min"].to_numpy(),
            100 * spans["max"].to_numpy(),
            color=COLOURS["accent"],
            linewidth=1,
            alpha=0.5,
        )
        axis.plot(places, 100 * curve["accuracy"], color=COLOURS["accent"], linewidth=1.4)
        axis.scatter(
            places,
            100 * curve["accuracy"],
            s=12 + 120 * np.sqrt(curve["images"] / max(curve["images"].sum(), 1)),
            color=COLOURS["accent"],
            edgecolor=COLOURS["surface"],
            linewidth=0.8,
            zorder=3,
            clip_on=False,
        )
        axis.set(xlim=(0, 102), ylim=(0, 105))
        axis.set_xticks(range(0, 101, 25))
        axis.set_yticks(range(0, 101, 25))

    return panels(chosen, draw, "confidence in %", "right in %")


@in_style
def pruning_plot(results: Mapping[str, Results], width: int = WIDE) -> Figure:
    """Draw every technique's accuracy by the share of weights removed, mean over seeds.

    Args:
        results: By technique.
        width: In pixels.
    """
    curves = pruning_curves(results) * 100
    narrow = width <= NARROW
    beneath = 17 * -(-len(curves) // 2) if narrow else 0  # a legend in two columns
    height = 330 + beneath if narrow else max(340, 17 * len(curves) + 110)
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained")
    axis = figure.subplots()
    places = np.arange(len(curves.columns))
    axis.set_xticks(places, [f"{100 * share:g} %" for share in curves.columns])
    axis.set_xlabel("weights removed, smallest first (steps not to scale)")
    axis.set_ylabel("accuracy in %")
    if curves.empty:
        return figure
    low, high = float(curves.to_numpy().min()), float(curves.to_numpy().max())
    room = max(high - low, 1) * 0.04
    axis.set(ylim=(low - room, high + room), xlim=(-0.15, len(places) - 0.85))
    styles = line_styles([str(name) for name in curves.index])
    ends = {
        name: f"{short(str(name), 15 if narrow else 24)} {end:.1f}"
        for name, end in curves.iloc[:, -1].items()
    }
    for name, curve in curves.iterrows():
        axis.plot(places, curve, markersize=6.5, label=ends[name], **styles[str(name)])
    if narrow:
        falling = np.argsort(-curves.iloc[:, -1].to_numpy(), kind="stable")
        lines = [axis.get_lines()[place] for place in falling]
        figure.legend(handles=lines, loc="outside lower left", ncols=2, fontsize=10)
        return figure
    a_line = (high - low + 2 * room) * 16 / (height - 70)  # of text, in units of the axis
    label_heights = spread(curves.iloc[:, -1].to_numpy(), a_line, low - room, high + room)
    for (name, curve), label_height in zip(curves.iterrows(), label_heights, strict=True):
        colour = styles[str(name)]["color"]
        axis.annotate(
            ends[name],
            (places[-1], curve.iloc[-1]),
            xytext=(1.09, label_height),
            textcoords=("axes fraction", "data"),
            va="center",
            fontsize=11,
            color=colour,
            fontweight="bold" if name == BASELINE else "normal",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.8,
                "alpha": 0.6,
                "shrinkA": 2,
                "shrinkB": 4,
                "relpos": (0, 0.5),
            },
        )
    return figure


@in_style
def corruption_heatmap(results: Mapping[str, Results]) -> Figure:
    """Draw every technique's accuracy on images as they are and on corrupted ones.

    The darker the cell the higher the figure in it; a column's highest is bold.

    Args:
        results: By technique.
    """
    table = corruption_table(results) * 100
    names = [short(str(name), 28) for name in table.index]
    left = 26 + 7.4 * max((len(name) for name in names), default=0)
    headings = [str(column).replace("_", " ").replace(" ", "\n") for column in table.columns]
    top = 16 + 14 * max((heading.count("\n") + 1 for heading in headings), default=1)
    width = left + 58 * max(len(headings), 1) + 6
    height = top + 26 * max(len(names), 1) + 6
    figure = Figure(figsize=(width / 72, height / 72))
    axis = figure.add_axes(
        (left / width, 6 / height, 1 - (left + 6) / width, 1 - (top + 6) / height)
    )
    values = table.to_numpy(dtype=float)
    low, high = np.nanmin(values, initial=100), np.nanmax(values, initial=0)
    shade(axis, 0.04 + 0.5 * np.nan_to_num((values - low) / max(high - low, 1e-9)), "accent")
    for column, figures in enumerate(values.T):
        best = f"{np.nanmax(figures):.1f}"
        for row, text in enumerate(f"{value:.1f}" for value in figures):
            if text != "nan":
                cell(axis, column, row, text, 12, "bold" if text == best else "normal")
    label_cells(axis, headings, names, size=12)
    for label, name in zip(axis.get_yticklabels(), table.index, strict=True):
        label.set_fontweight("bold" if name == BASELINE else "normal")
    return figure


@in_style
def confusion_plot(
    counts: Mapping[str, np.ndarray], classes: Sequence[str], most: int | None = None
) -> Figure:
    """Draw confusion matrices side by side: what was taken for what.

    Mistakes are shaded, the darker the more, on one scale; right answers are grey. Beyond
    ``MOST_CELLS`` classes a cell stands for several neighbouring ones.

    Args:
        counts: By title, each K x K ints: a row per true class, a column per predicted one. The
            titles are drawn if there are several.
        classes: The K labels.
        most: The number of mistakes that is darkest; default the largest in a cell.
    """
    labels = [squeezed(str(label), 14) for label in classes]
    count = max(len(labels), 1)
    longest = max((len(label) for label in labels), default=1)
    counted = count <= MOST_COUNTED_CLASSES
    side = count * (28 if count <= 10 else 26) if counted else 380
    margin = 34 + 7.2 * (longest if counted else 4)
    top = 30 + (7.2 * longest if longest > 3 and counted else 16)
    titled = 24 if len(counts) > 1 else 0
    width, height = (margin + side + 16) * max(len(counts), 1), top + side + 8 + titled
    figure = Figure(figsize=(width / 72, height / 72))
    group = -(-count // MOST_CELLS)
    wrong = {title: mistakes_by_cell(matrix) for title, matrix in counts.items()}
    if most is None:
        most = max((int(cells.max(initial=0)) for cells in wrong.values()), default=0)
    for place, (title, cells) in enumerate(wrong.items()):
        left = (place * (margin + side + 16) + margin) / width
        axis = figure.add_axes((left, 8 / height, side / width, side / height))
        shade(axis, 0.6 * np.sqrt(np.minimum(cells / max(most, 1), 1)), "worse")
        shade(axis, 0.16 * np.eye(len(cells)), "muted")
        if counted:
            _draw_counts(axis, counts[title], 11 if count <= 10 else 9)
            label_cells(axis, labels, labels, 11, rotation=90 if longest > 3 else 0)
        else:
            numbers = np.linspace(1, count, 5).round().astype(int)
            ticks = (numbers - 0.5) / group - 0.5
            axis.set_xticks(ticks, [str(number) for number in numbers])
            axis.set_yticks(ticks, [str(number) for number in numbers])
            axis.xaxis.tick_top()
            axis.grid(visible=False)
        pooled = f", {group} × {group} to a cell" if group > 1 else ""
        axis.set_xlabel("predicted" if counted else f"predicted class number{pooled}", fontsize=11)
        axis.xaxis.set_label_position("top")
        axis.set_ylabel("true class" if counted else "true class number", fontsize=11)
        if titled:
            axis.set_title(title, fontsize=13, loc="left", pad=top - 8)
    return figure


def mistakes_by_cell(matrix: np.ndarray) -> np.ndarray:
    """The mistakes of a confusion matrix as ``confusion_plot`` shades them."""
    return _pool(mistakes(matrix), -(-len(matrix) // MOST_CELLS))


def mistakes(matrix: np.ndarray) -> np.ndarray:
    """A confusion matrix without its diagonal."""
    return matrix * ~np.eye(len(matrix), dtype=bool)


def _with_figures(comparison: pd.DataFrame, figures: list[str]) -> list[dict[Any, Any]]:
    """The techniques that have all of some figures."""
    if not set(figures) <= set(comparison):
        return []
    return comparison.dropna(subset=figures).to_dict("records")


def _verdict_mark(row: Mapping[Any, Any]) -> tuple[str, str]:
    return VERDICT_MARKS.get(str(row.get("verdict")), ("o", "muted"))


def _ends(row: Mapping[Any, Any], interval: str) -> tuple[float, float]:
    """An interval in percentage points; NaN if there is none."""
    low, high = (row.get(f"{interval}_{end}") for end in ("low", "high"))
    return (np.nan if pd.isna(low) else 100 * low, np.nan if pd.isna(high) else 100 * high)


def _difference_limits(rows: Sequence[Mapping[Any, Any]], band: float) -> tuple[float, float]:
    """The range of the axis of differences: all intervals, but for outliers.

    Outliers are techniques, fewer than half, that reach more than four times as far as the next.
    """
    reaches = []
    for row in rows:
        ends = [100 * row["difference"], *_ends(row, "difference"), *_ends(row, "bootstrap")]
        reaches.append((max(abs(end) for end in ends if np.isfinite(end)), ends))
    reaches.sort(key=lambda reach: reach[0])
    kept = len(reaches)
    for place in range((len(reaches) + 1) // 2, len(reaches)):
        if reaches[place][0] > 4 * max(reaches[place - 1][0], band):
            kept = place
            break
    ends = [end for _, found in reaches[:kept] for end in found if np.isfinite(end)]
    low, high = min([*ends, -2 * band, -0.1]), max([*ends, 2 * band, 0.1])
    room = 0.05 * (high - low)
    return low - room, high + room


def _pool(matrix: np.ndarray, group: int) -> np.ndarray:
    """Sum blocks of ``group`` x ``group`` cells."""
    starts = np.arange(0, len(matrix), group)
    return np.add.reduceat(np.add.reduceat(matrix, starts, axis=0), starts, axis=1)


def _draw_counts(axis: Axes, matrix: np.ndarray, size: float) -> None:
    for row, column in zip(*np.nonzero(matrix), strict=True):
        weight = "bold" if row == column else "normal"
        cell(axis, column, row, str(matrix[row, column]), size, weight)


def _displayable(image: np.ndarray) -> np.ndarray:
    """An image as imshow takes it: grey without a channel axis, floats within 0..1."""
    if image.dtype != np.uint8:
        low, high = image.min(), image.max()
        image = (image - low) / (high - low if high > low else 1)
    else:
        image = image / np.float32(255)
    return image[..., 0] if image.shape[-1] == 1 else image
