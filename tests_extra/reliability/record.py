"""The files that figures are written to; what another subcommand has measured stays."""

from typing import Any

from benchmarks.harness import RESULTS, as_line, circumstances, readable, say, store

Figures = dict[str, Any]


def write(name: str, about: str, figures: Figures) -> Figures:
    """Write figures by what they are of, and print them; ``cases`` is for the JSON file."""
    store(RESULTS / "reliability.json", name, {"about": about, **circumstances(), **figures}, page)
    for line in _lines(figures):
        say(line)
    return figures


def page(measured: dict[str, Any]) -> str:
    """A section per subcommand."""
    lines = ["# What it survives", "", "Every case is in `reliability.json`."]
    for name, entry in measured.items():
        command = f"uv run python -m tests_extra.reliability {name}"
        lines += ["", f"## {name}", "", f"{entry['about']} `{command}`", ""]
        lines += [f"- {'; '.join(_lines(entry))}.", as_line(entry)]
    return "\n".join(lines) + "\n"


def _lines(figures: Figures) -> list[str]:
    apart = ("cases", "about", "date", "load", "commit", "machine")
    return [f"{what}: {_words(value)}" for what, value in figures.items() if what not in apart]


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    if isinstance(value, float):
        return readable(value)
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(one)}" for key, one in value.items())
    return (", ".join(map(str, value)) or "none") if isinstance(value, list) else str(value)
