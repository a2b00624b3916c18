"""The report's plots as inline SVG and its images as data URLs, each described in words."""

import base64
import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from PIL import Image

from regbench.comparison.compare import metric_of
from regbench.comparison.tables import corruption_table, pruning_curves
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part
from regbench.report.numbers import difference_text, listed, percent, verdict_text
from regbench.report.plots import (
    confusion,
    corruptions,
    cost,
    differences,
    gaps,
    learning_curves,
    networks,
    pruning,
    reliability,
)
from regbench.report.plots import style as drawing

_SVG = "http://www.w3.org/2000/svg"
_VARIABLES = {colour: f"var(--{name})" for name, colour in drawing.COLOURS.items()}
_INVALID_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_MOST_NAMED = 12  # techniques listed in an alternative text; the rest is counted
_LARGEST_SIDE = 96  # pixels of an image on the page

ElementTree.register_namespace("", _SVG)


@dataclass(frozen=True)
class Picture:
    """A plot as SVG for wide screens, and one for narrow screens if it differs there."""

    wide: Markup
    narrow: Markup | None = None
    title: str = ""
    remark: str = ""


def difference_picture(comparison: pd.DataFrame, results: Mapping[str, Results]) -> Picture:
    """Draw each technique's difference to the baseline with its 95 % interval."""
    rows = comparison.dropna(subset=["difference"]).to_dict("records")
    described = [
        f"{row['technique']} {difference_text(row)}, {verdict_text(row) or 'not judged'}"
        for row in rows
    ]
    alternative = (
        f"Each technique's difference to the baseline in {metric_of(comparison).unit} with its "
        f"95 % interval: {enumerated(described)}."
    )
    return responsive(
        "difference",
        lambda width: differences.difference_plot(comparison, results, width),
        alternative,
    )


def cost_picture(comparison: pd.DataFrame) -> Picture:
    """Draw each technique's difference to the baseline over what its training costs."""
    described = [
        f"{row['technique']} {difference_text(row)} at {row['ratio']:.2f} times the time"
        for row in cost.costs(comparison)[1:]
    ]
    alternative = (
        f"Each technique's difference to the baseline in {metric_of(comparison).unit} over its "
        f"training time, as a multiple of the baseline's: {enumerated(described)}."
    )
    return responsive("cost", lambda width: cost.cost_plot(comparison, width), alternative)


def network_picture(comparison: pd.DataFrame) -> Picture:
    """Draw each technique's difference to the baseline on every network."""
    rows = comparison.dropna(subset=["difference"]).to_dict("records")
    described = [
        f"{row['technique']} on {row['network']} {difference_text(row)}, "
        f"{verdict_text(row) or 'not judged'}"
        for row in rows
    ]
    alternative = (
        f"Each technique's difference to the baseline of each network in "
        f"{metric_of(comparison).unit} with its 95 % interval: {enumerated(described)}."
    )
    return Picture(inline_svg(networks.network_plot(comparison), "networks", alternative))


def gap_picture(comparison: pd.DataFrame) -> Picture:
    """Draw each technique's train accuracy beside its accuracy on the judged part."""
    judged = f"{judged_part(comparison)}_accuracy"
    described = [
        f"{row['technique']} {percent(row['train_accuracy'])} and {percent(row[judged])}"
        for row in comparison.dropna(subset=["train_accuracy", judged]).to_dict("records")
    ]
    alternative = f"Each technique's train and {judged.replace('_', ' ')}: {enumerated(described)}."
    return responsive("gap", lambda width: gaps.gap_plot(comparison, width), alternative)


def pruning_picture(results: Mapping[str, Results]) -> Picture:
    """Draw each technique's accuracy by the share of weights set to zero."""
    curves = pruning_curves(results)
    most = percent(float(curves.columns[-1]), 0)
    described = [
        f"{name} from {percent(curve.iloc[0])} to {percent(curve.iloc[-1])}"
        for name, curve in curves.iterrows()
    ]
    alternative = (
        f"Each technique's accuracy before and after removing {most} of its weights: "
        f"{enumerated(described)}."
    )
    return responsive("pruning", lambda width: pruning.pruning_plot(results, width), alternative)


def corruption_picture(results: Mapping[str, Results]) -> Picture:
    """Draw each technique's accuracy on corrupted images, as a heat map."""
    table = corruption_table(results)
    described = [
        f"{name} {percent(row.iloc[0])} and {percent(row.iloc[-1])}"
        for name, row in table.iterrows()
    ]
    alternative = (
        "Heat map of each technique's accuracy on clean images, under "
        f"{listed([str(name).replace('_', ' ') for name in table.columns[1:-1]])}; clean and on "
        f"average over the corruptions: {enumerated(described)}."
    )
    figure = corruptions.corruption_heatmap(results)
    return Picture(inline_svg(figure, "corruption", alternative))


def learning_pictures(results: Mapping[str, Results]) -> list[Picture]:
    """Draw accuracy by epoch, a picture per technique, all with the same axes."""
    pictures = []
    scale = learning_curves.learning_scale(results)
    for name, found in results.items():
        last = found.epochs.groupby("seed").tail(1)
        alternative = (
            f"Learning curves of {name}: after {_range(last['epoch'])} epochs train accuracy "
            f"{percent(last['train_accuracy'].mean())}, validation accuracy "
            f"{percent(last['validation_accuracy'].mean())}, means over {len(last)} seeds."
        )
        figure = learning_curves.learning_curves({name: found}, scale)
        svg = inline_svg(figure, f"learning {name}", alternative)
        pictures.append(Picture(svg, title=name))
    return pictures


def reliability_pictures(comparison: pd.DataFrame, results: Mapping[str, Results]) -> list[Picture]:
    """Draw accuracy by confidence, a picture per technique titled with its calibration error."""
    errors = comparison.set_index("technique").get("expected_calibration_error", pd.Series())
    pictures = []
    for name, found in results.items():
        answers = found.predictions[found.predictions["split"] == judged_part(comparison)]
        error = percent(errors.get(name, float("nan")))
        alternative = (
            f"Reliability curve of {name}: {percent(answers['confidence'].mean())} confident on "
            f"average, {percent((answers['label'] == answers['predicted']).mean())} right; "
            f"expected calibration error {error}."
        )
        figure = reliability.reliability_plot({name: found})
        svg = inline_svg(figure, f"reliability {name}", alternative)
        pictures.append(Picture(svg, title=name, remark=f"ECE {error}"))
    return pictures


def confusion_pictures(matrices: Mapping[str, np.ndarray], classes: Sequence[str]) -> list[Picture]:
    """Draw a confusion matrix per technique, shaded on the same scale."""
    pictures = []
    most = max(
        (int(confusion.mistakes_by_cell(matrix).max(initial=0)) for matrix in matrices.values()),
        default=0,
    )
    for name, matrix in matrices.items():
        mistakes = confusion.mistakes(matrix)
        worst = [
            f"{classes[true]} for {classes[said]} {mistakes[true, said]} times"
            for true, said in zip(
                *np.unravel_index(
                    np.argsort(-mistakes, axis=None, kind="stable")[:3], matrix.shape
                ),
                strict=True,
            )
            if mistakes[true, said]
        ]
        alternative = (
            f"Confusion matrix of {name}: {matrix.trace()} of {matrix.sum()} answers are right"
            + (f"; most often taken: {', '.join(worst)}." if worst else ".")
        )
        figure = confusion.confusion_plot({name: matrix}, classes, most)
        svg = inline_svg(figure, f"confusion {name}", alternative)
        pictures.append(Picture(svg, title=name))
    return pictures


def inline_svg(figure: Figure, name: str, alternative: str) -> Markup:
    """Return a Matplotlib figure as an SVG element of a page.

    Args:
        figure: A figure of ``plots``; its colours become CSS variables, its text the page's font.
        name: Distinguishes the element's ids from those of other figures.
        alternative: What the figure shows, in words.
    """
    buffer = io.StringIO()
    # Salted with the name, ids are reproducible and differ between figures.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        # The browser draws the text, and has more glyphs than Matplotlib.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    drawn = _INVALID_IN_XML.sub("\ufffd", buffer.getvalue())
    root = ElementTree.fromstring(drawn)  # noqa: S314 - Matplotlib wrote it
    for definitions in root.findall(f"{{{_SVG}}}defs"):
        for style in definitions.findall(f"{{{_SVG}}}style"):
            definitions.remove(style)  # it would hold for the whole page
    for element in root.iter():
        _strip_attributes(element)
    root.attrib = {
        "class": "plot",
        "role": "img",
        "aria-label": alternative,
        "width": root.attrib["width"].removesuffix("pt"),
        "height": root.attrib["height"].removesuffix("pt"),
        "viewBox": root.attrib["viewBox"],
        "style": f"--natural:{root.attrib['width'].removesuffix('pt')}px",
    }
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704 - is escaped


def image_data_url(image: np.ndarray) -> str:
    """Return an image as the ``data:`` URL of a small PNG.

    Args:
        image: H x W x C, uint8.
    """
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    buffer = io.BytesIO()
    picture.save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _strip_attributes(element: ElementTree.Element) -> None:
    """Remove what the page does not need of an element: fonts, blanks, ids, digits."""
    element.tail = None
    element.text = element.text if (element.text or "").strip() else None
    old, element.attrib = element.attrib, {}
    for name, value in old.items():
        if name == "style":
            element.set("style", _style(value))
        elif name == "id" and element.tag == f"{{{_SVG}}}g":
            continue  # the same in every figure
        elif name.endswith("}href"):
            element.set("href", "".join(value.split()))
        else:
            element.set(
                name, _LONG_NUMBER.sub(lambda n: f"{float(n[0]):.2f}", " ".join(value.split()))
            )


def _style(style: str) -> str:
    """Return an element's style with CSS variables for colours and without a font."""
    kept = []
    for declaration in style.split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        if name != "font-family":
            kept.append(f"{name}:{_VARIABLES.get(value, value)}")
    return ";".join(kept)


def responsive(name: str, plot: Callable[[int], Figure], alternative: str) -> Picture:
    """Return a plot drawn in both widths."""
    wide, narrow = (
        inline_svg(plot(width), f"{name} {width}", alternative)
        for width in (drawing.WIDE, drawing.NARROW)
    )
    return Picture(wide, narrow)


def enumerated(items: list[str]) -> str:
    """Return the first ``_MOST_NAMED`` items as one text, and the number of the others."""
    more = len(items) - _MOST_NAMED
    return "; ".join([*items[:_MOST_NAMED], *([f"{more} more, in the table"] if more > 0 else [])])


def _range(values: pd.Series) -> str:
    """Return the range of integers, such as '3 to 7' or '3'."""
    low, high = int(values.min()), int(values.max())
    return str(low) if low == high else f"{low} to {high}"
