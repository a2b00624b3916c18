"""The files that figures are written to; what another subcommand has measured stays."""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.speed import machine
from benchmarks.speed.harness import ROOT, say

JSON, MARKDOWN = "reliability.json", "reliability.md"
RESULTS = ROOT / "benchmarks" / "results"

Figures = dict[str, Any]


def add_out(parser: argparse.ArgumentParser) -> None:
    """Let the folder for the files be chosen."""
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder for the figures")


def write(out: Path, name: str, about: str, figures: Figures) -> None:
    """Write figures and print them."""
    save(out, name, about, figures)
    for line in _lines(figures):
        say(line)


def save(out: Path, name: str, about: str, figures: Figures) -> None:
    """Write figures.

    Args:
        out: The folder.
        name: Of the subcommand.
        about: One line.
        figures: Values by what they are of; ``cases`` holds a table, ``passed`` the verdict.
    """
    path = out / JSON
    measured = json.loads(path.read_text("utf-8")) if path.exists() else {}
    measured[name] = {
        "about": about,
        **machine.moment(),
        "machine": machine.describe(),
        "figures": figures,
    }
    measured = dict(sorted(measured.items()))
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(measured, indent=1, ensure_ascii=False)
    for file, made in ((JSON, text + "\n"), (MARKDOWN, as_markdown(measured))):
        partial = out / f"{file}.part"
        partial.write_text(made, encoding="utf-8")
        partial.replace(out / file)


def as_markdown(measured: dict[str, Any]) -> str:
    """A section per subcommand."""
    lines = ["# What it survives", ""]
    for name, entry in measured.items():
        host = entry["machine"]
        lines += [
            f"## {name}",
            "",
            f"{entry['about']} `uv run python -m benchmarks.reliability {name}`",
        ]
        lines += ["", *(f"- {line}" for line in _lines(entry["figures"]))]
        software = ", ".join(f"{package} {host[package]}" for package in ("kedro", "tensorflow"))
        lines += [
            f"- {entry['date']}, load average {entry['load'][0]}; {host['processor']}, "
            f"{host['cores']} cores, {host['memory, GB']} GB, {host['system']}; Python "
            f"{host['python']}, {software}.",
            "",
        ]
        lines += _table(entry["figures"].get("cases", []))
    return "\n".join(lines).rstrip() + "\n"


def _lines(figures: Figures) -> list[str]:
    return [
        f"{what}: {_words(value)}"
        for what, value in figures.items()
        if what not in ("cases", "details")
    ]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(one)}" for key, one in value.items())
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    return str(value)


def _table(cases: list[dict[str, Any]]) -> list[str]:
    if not cases:
        return []
    columns = list(cases[0])
    rows = [[_words(case[column]).replace("|", r"\|") for column in columns] for case in cases]
    return [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows)] + [""]
