"""The documentation's page of cards: each regularizer in a few lines, by family."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from regbench.regularizers.base import FAMILIES, Choice, Regularizer
from regbench.regularizers.registry import REGULARIZERS
from regbench.report.settings_in_words import search_of

_ROOT = Path(__file__).parents[3]
MEASURED = _ROOT / "benchmarks" / "results" / "speed.json"
PICTURES = _ROOT / "docs" / "regularizers"
# How the benchmark names the figure of a regularizer on a network.
EPOCH = "an epoch with {key} / without, {network}"
_EPOCH = re.compile(EPOCH.replace("{key}", r"(\w+)").replace("{network}", "(.+)"))
_HEAD = """\
# Cards of regularizers

A card for each [regularizer](regularizers.md): what it does, when it helps and when not, with who
found so, its strength, what it costs, and the entry that makes a technique of it. *Measured* is an
epoch with it, in times of one without, on the two networks and image sizes of
[the benchmark](../benchmarks/README.md). `uv run kedro run --env=all` compares all of them on your
images.

"""


def cards_page(made: str) -> str:
    """Return the page of cards as Markdown.

    Args:
        made: The last line: how the page is made.
    """
    by_family = {family: _of_family(family) for family in FAMILIES}
    found = {family: kinds for family, kinds in by_family.items() if kinds}
    contents = "".join(
        f"- {FAMILIES[family]}: {', '.join(f'[{kind.title}](#{key})' for key, kind in kinds)}\n"
        for family, kinds in found.items()
    )
    measured = measured_epochs(MEASURED)
    sections = (
        f"\n## {FAMILIES[family]}\n\n"
        + "\n".join(card(key, kind, measured.get(key, {})) for key, kind in kinds)
        for family, kinds in found.items()
    )
    return f"{_HEAD}{contents}{''.join(sections)}\n{made}"


def card(key: str, kind: type[Regularizer], measured: dict[str, float]) -> str:
    """Return a regularizer's card as Markdown.

    Args:
        key: Of the regularizer.
        kind: Its class.
        measured: An epoch with it / without, by network.
    """
    tried = "; ".join(f"`{name}` {search_of(values)}" for name, values in kind.search.items())
    times = ", ".join(f"{value:.2f} ({network})" for network, value in measured.items())
    rows = {
        "Helps": kind.helps,
        "Does not": kind.not_when,
        "Strength": f"{_defaults(kind)}{f'; worth trying: {tried}' if tried else ''}.",
        "Costs": f"{kind.cost}. Measured: {f'{times} times an epoch' if times else 'not yet'}.",
        "Also called": ", ".join(f"`{alias}`" for alias in kind.aliases),
        "Source": f"{kind.source}.",
    }
    lines = "".join(f"- **{name}:** {_capital(text)}\n" for name, text in rows.items() if text)
    entry = yaml.safe_dump({"techniques": {key: {key: entry_of(kind)}}}, sort_keys=False)
    picture = PICTURES / f"{key}.png"
    shown = (
        f"\n![Images, and what {kind.title} makes of them](regularizers/{picture.name})\n"
        if picture.is_file()
        else ""
    )
    return (
        f"### {key}\n\n**{_capital(kind.title)}.** {_does(kind)}\n\n{lines}"
        f"\n```yaml\n{entry}```\n{shown}"
    )


def entry_of(kind: type[Regularizer]) -> Any:
    """Return the shortest entry of a technique that uses a regularizer as it is by default.

    That is the value of the setting that a number stands for, ``true`` if it needs none, or a
    mapping of the settings that have no default, each with the lower end of its search range.
    """
    if kind.inherits_study_settings():
        return True
    needed = [name for name, field in kind.model_fields.items() if field.is_required()]
    if not needed:
        return kind.model_validate({}).model_dump(mode="json")
    values = {name: _example(kind, name) for name in needed}
    return values[needed[0]] if needed == [kind.shorthand] else values


def measured_epochs(file: Path) -> dict[str, dict[str, float]]:
    """Return an epoch with a regularizer in times of one without, by key and network.

    Args:
        file: The figures of ``benchmarks.speed``; without the file there are none.
    """
    measured = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    found: dict[str, dict[str, float]] = {}
    for figure in measured.get("regularizers", {}).get("figures", []):
        if parts := _EPOCH.fullmatch(figure["what"]):
            found.setdefault(parts[1], {})[parts[2]] = figure["value"]
    return found


def _of_family(family: str) -> list[tuple[str, type[Regularizer]]]:
    return [(key, kind) for key, kind in REGULARIZERS.items() if kind.family() == family]


def _does(kind: type[Regularizer]) -> str:
    """Return what it does, from the first line of its docstring, and to what effect."""
    first = (kind.__doc__ or "").strip().partition("\n\n")[0]
    return f"{' '.join(first.split()).replace('``', '`')} It {kind.effect}."


def _defaults(kind: type[Regularizer]) -> str:
    if shared := kind.shared_settings():
        names = ", ".join(f"`{name}`" for name in shared.model_fields)
        return f"{names}: those of `{kind.key()}` in the study's settings"
    values = [
        f"`{name}` {'to be set' if field.is_required() else _plain(field.default)}"
        for name, field in kind.model_fields.items()
    ]
    return ", ".join(values) or "none to set"


def _plain(value: Any) -> str:
    """Return a default as YAML has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)


def _example(kind: type[Regularizer], name: str) -> Any:
    """Return a value of a setting's search range."""
    values = kind.search[name]
    return values.values[0] if isinstance(values, Choice) else values.low


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
