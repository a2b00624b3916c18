"""The files: what was measured before is kept, what is measured again is replaced."""

import json
from pathlib import Path
from typing import Any

from benchmarks.speed.harness import BenchmarkError, Measurement, Outcome, readable

JSON, MARKDOWN = "speed.json", "speed.md"
COMMAND = "uv run python -m benchmarks.speed"


def read(out: Path) -> dict[str, Any]:
    """Read what was measured before, by name.

    Raises:
        BenchmarkError: The file is not ours.
    """
    path = out / JSON
    if not path.exists():
        return {}
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["measurements"]
    except (ValueError, KeyError, TypeError):
        raise BenchmarkError(f"{path} is damaged; move it away to begin anew") from None
    return measured


def entry(
    measurement: Measurement,
    outcome: Outcome,
    machine: dict[str, Any],
    moment: dict[str, Any],
    command: str,
) -> dict[str, Any]:
    """What the JSON file says of one measurement, and the command that repeats it."""
    return {
        "about": measurement.about,
        "command": command,
        **moment,
        "machine": machine,
        "figures": [figure.as_dict() for figure in outcome.figures],
        "sides": [side.as_dict() for side in outcome.sides],
        "notes": outcome.notes,
        **({"details": outcome.details} if outcome.details else {}),
    }


def write(out: Path, measured: dict[str, Any], order: list[str]) -> None:
    """Write both files.

    Args:
        out: The folder.
        measured: Entries by name.
        order: All names.
    """
    out.mkdir(parents=True, exist_ok=True)
    known = {name: measured[name] for name in order if name in measured}
    content = known | measured  # what is not known any more stays, at the end
    text = json.dumps({"measurements": content}, indent=1, ensure_ascii=False)
    for name, made in ((JSON, text + "\n"), (MARKDOWN, as_markdown(content))):
        partial = out / f"{name}.part"
        partial.write_text(made, encoding="utf-8")
        partial.replace(out / name)


def as_markdown(measured: dict[str, Any]) -> str:
    """A table of all figures, then a section per measurement."""
    lines = [
        "# How fast is it?",
        "",
        "| what | measured | range | target | |",
        "|---|---:|---:|---:|---|",
    ]
    for name, of_one in measured.items():
        lines += [
            f"| {figure['what']} (`{name}`) | {_value(figure)} | {_range(figure)} "
            f"| {_target(figure)} | {_verdict(figure)} |"
            for figure in of_one["figures"]
        ]
    for name, of_one in measured.items():
        lines += ["", f"## {name}", "", f"{of_one['about']} `{_repeat(name, of_one)}`", ""]
        if of_one["sides"]:
            lines += ["| | median | min | max | values |", "|---|---:|---:|---:|---:|"]
        for side in of_one["sides"]:
            unit = side["unit"]
            cells = (_with_unit(side[key], unit) for key in ("median", "min", "max"))
            lines.append(f"| {side['name']} | {' | '.join(cells)} | {len(side['values'])} |")
        lines += ["", *(f"- {note}" for note in of_one["notes"]), f"- {_circumstances(of_one)}"]
    return "\n".join(lines) + "\n"


def one_line(figure: dict[str, Any]) -> str:
    """A figure for the terminal."""
    parts = [figure["what"] + ":", _value(figure)]
    if figure["limit"] is not None:
        parts.append(f"(target {_target(figure)}: {_verdict(figure).strip('*')})")
    return " ".join(parts)


def _repeat(name: str, of_one: dict[str, Any]) -> str:
    return str(of_one.get("command", f"{COMMAND} {name}"))  # was not kept before


def _circumstances(of_one: dict[str, Any]) -> str:
    machine = of_one["machine"]
    hardware = (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory, GB']} GB, "
        f"{machine['system']}"
    )
    beside = ("processor", "cores", "memory, GB", "system")
    software = ", ".join(
        f"{name} {version}" for name, version in machine.items() if name not in beside
    )
    load = " ".join(f"{value:.2f}" for value in of_one["load"])
    busy = f"{of_one['busy']:.0%} of the cores at work before, " if "busy" in of_one else ""
    commit = f"commit {of_one['commit']}, " if of_one.get("commit") else ""
    return f"{of_one['date']}, {commit}{busy}load average before {load}; {hardware}; {software}."


def _value(figure: dict[str, Any]) -> str:
    return _with_unit(figure["value"], figure["unit"])


def _range(figure: dict[str, Any]) -> str:
    if figure["low"] is None or figure["low"] == figure["high"]:  # one round
        return ""
    return f"{readable(figure['low'])} to {readable(figure['high'])}"


def _target(figure: dict[str, Any]) -> str:
    if figure["limit"] is None:
        return ""
    return f"{'≤' if figure['at_most'] else '≥'} {_with_unit(figure['limit'], figure['unit'])}"


def _verdict(figure: dict[str, Any]) -> str:
    return {True: "met", False: "**not met**", None: ""}[figure["met"]]


def _with_unit(value: float, unit: str) -> str:
    if unit == "validation accuracy":
        return f"{value:.4f}"
    return f"{readable(value)} {unit}".strip()
