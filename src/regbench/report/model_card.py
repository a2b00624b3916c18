"""The model card of an exported network (Mitchell et al., Model Cards, 2019)."""

from collections.abc import Mapping
from typing import Any

import yaml

from regbench.metrics.registry import METRICS
from regbench.networks.formats.registry import FORMATS
from regbench.report.numbers import difference_text, metric_value, percent
from regbench.report.settings_in_words import table_rows


def model_card(
    chosen: Mapping[str, Any],
    facts: Mapping[str, Any],
    outcomes: Mapping[str, Mapping[str, Any]],
    about: Mapping[str, Any],
    settings: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    made_with: str,
) -> str:
    """Return a network's model card as Markdown.

    Args:
        chosen: From ``use.choice.choose``.
        facts: From ``use.facts.facts``.
        outcomes: From ``use.export.write_formats``.
        about: From ``use.export.form_of_input``.
        settings: ``regularizers``, ``network`` (its entry) and ``licence`` (or None).
        data_fingerprint: Of the prepared images.
        made_with: Software and versions.
    """
    licence = settings["licence"] or "not stated (`export.licence`)"
    height, width, _ = about["shape"]
    colour = {"L": "grey", "RGB": "RGB"}[about["mode"]]
    sections = {
        "": f"# Network: {chosen['technique']}\n\nIt tells which of {facts['classes']} classes a "
        f"picture is of. Licence: {licence}.",
        "How it was made": _making(chosen, settings),
        "Input and output": f"One picture or more, {height} x {width} pixels, {colour}, uint8 as "
        "they are: scaling and everything else is inside of the network. Out come the "
        f"probabilities of {facts['classes']} classes. The labels in their order, and how pictures "
        "of other sizes were brought to this one, are in `network.json`; `use.py` is an example.",
        "Data": _data(facts, data_fingerprint),
        "Figures": _figures(chosen, facts),
        "Confidence": _confidence(facts["calibration"]),
        "Formats": _formats(facts, outcomes),
        "Scope": _scope(facts, about),
        "Made with": made_with,
    }
    texts = [f"## {title}\n\n{text}" if title else text for title, text in sections.items()]
    return "\n\n".join(texts) + "\n"


def _making(chosen: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return the technique, its settings and the network."""
    entries = {
        "technique": {chosen["technique"]: settings["regularizers"]},
        "network": settings["network"],
        "seed" if "members" not in chosen else "seeds": chosen.get("members", chosen["seed"]),
        "weights": chosen["weights"],
    }
    shown = yaml.safe_dump(entries, sort_keys=False, allow_unicode=True)
    return f"```yaml\n{shown}```"


def _data(facts: Mapping[str, Any], data_fingerprint: Mapping[str, Any]) -> str:
    """Return the numbers of images, and the digests that tell a set and a split."""
    numbers = ", ".join(f"{number:,} {part}" for part, number in facts["images"].items())
    return (
        f"Images: {numbers}; the network was trained on {' and '.join(facts['trained_on'])}. "
        f"Digest of the images {data_fingerprint['data']}, of the split "
        f"{data_fingerprint['split']}."
    )


def _figures(chosen: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return this network's accuracy, and its technique's with the difference to the baseline."""
    part, row, own = facts["judged"], facts["row"], facts["network_figures"]
    metric = METRICS[facts["metric"]]
    lines = []
    if own:
        lines.append(
            f"- this network, on {facts['images'][part]:,} {part} images: accuracy "
            f"{percent(own['accuracy'], 2)} [{percent(own['low'], 2)}, {percent(own['high'], 2)}] "
            "(95 % Wilson interval over images)"
        )
        if metric.name in own and metric.name != "accuracy":
            lines.append(f"- its {metric.title}: {metric_value(own[metric.name], metric, 2)}")
    if of := facts["expected"]:
        value, low, high = (metric_value(of[key], metric, 2) for key in ("value", "low", "high"))
        lines.append(
            f"- expected {metric.title}: {value} [{low}, {high}], the mean of the study's "
            f"{of['seeds']} trainings, each on {of['images']:,} {of['part']} images that it was "
            "not trained on (95 % bootstrap interval)"
        )
    if of := facts["measured"]:
        lines.append(
            f"- this network, on {of['images']:,} test images that it was not trained on: "
            f"{metric.title} {metric_value(of['value'], metric, 2)}"
        )
    headline = row.get(f"{part}_{metric.name}")
    if headline is not None:
        seeds = int(row["trainings"] - row["failed_trainings"])
        lines.append(
            f"- {chosen['technique']}, mean over {seeds} seed{'s' * (seeds > 1)}: {metric.title} "
            f"{metric_value(headline, metric, 2)} on {part} images"
        )
    if "difference" in row:
        lines.append(
            f"- to the baseline: {difference_text(row)} {metric.short_unit} (95 % interval over "
            f"seeds){': ' + row['verdict'] if 'verdict' in row else ''}"
        )
    if "largest_class" in row:
        lines.append(
            f"- always answering the largest class: {metric_value(row['largest_class'], metric, 2)}"
        )
    if part == "validation":
        lines.append(
            "- the study has no test images: the network was chosen by the same validation images, "
            "so its figures are somewhat too good"
        )
    return "\n".join(lines)


def _confidence(calibration: Mapping[str, Any]) -> str:
    """Return what makes the probabilities calibrated, and from where an answer is sure."""
    said = f"{calibration['said'][:1].upper()}{calibration['said'][1:]}."
    if calibration["temperature"] == 1:
        return f"Probabilities are the network's own. {said}"
    return (
        f"Probabilities are the network's own. The calibrated ones are `p ** (1 / T)`, divided by "
        f"their sum, with the temperature T = {calibration['temperature']:.4f}, as `use.py` shows. "
        f"{said}"
    )


def _formats(facts: Mapping[str, Any], outcomes: Mapping[str, Mapping[str, Any]]) -> str:
    """Return a table of the formats, each with what was measured of the file loaded again."""
    rows = [
        (
            FORMATS[name].title,
            f"{outcome['bytes'] / 1000:,.0f}",
            f"{outcome['max_difference']:.1e}" if outcome["max_difference"] else "0",
            percent(outcome["agreement"], 2),
            percent(outcome["accuracy"], 2) if "accuracy" in outcome else "",
        )
        for name, outcome in outcomes.items()
        if "failed" not in outcome
    ]
    failed = [
        f"\n{FORMATS[name].title}: not exported, {outcome['failed']}."
        for name, outcome in outcomes.items()
        if "failed" in outcome
    ]
    head = ("format", "kB", "largest difference", "same answer", f"{facts['judged']} accuracy")
    lines = f"| {' | '.join(head)} |\n|---|---:|---:|---:|---:|\n{table_rows(rows)}"
    return "\n".join(
        [
            "Each file was loaded again: the largest difference of a probability to the network's "
            "own, and the share of images with the same answer.\n",
            lines,
            *failed,
        ]
    ).rstrip()


def _scope(facts: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """Return what the network is for, and what its figures do not say."""
    said = facts["row"].get("scope", "these images and this split")
    return (
        f"The figures are about {said}. On pictures from elsewhere (another camera, place, time or "
        "population) accuracy may be lower, and a picture of none of the classes gets the label of "
        f"one of them all the same. Pictures of other sizes are brought to {about['size'][0]} x "
        f"{about['size'][1]} pixels ({about['other_sizes']}): use the same way."
    )
