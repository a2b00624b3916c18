"""The documentation's page on every setting of a study.

What a setting takes is in the schema; its default and what it means are in ``conf/base``.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from regbench.fields import Settings
from regbench.optimization.optimizers import OPTIMIZERS
from regbench.optimization.schedules import SCHEDULES
from regbench.report.settings_in_words import range_of, table_rows
from regbench.study.schema import Study

_HEAD = """\
# Every setting

What a study may be told, with the values of `conf/base`. For one run:
`uv run kedro run --params=protocol.epochs=5,ingest.size=64`; for good, with what differs: those of
the first table in `conf/local/globals.yml`, all others in `conf/local/parameters_<anything>.yml`. A
wrong key or value, or one in the wrong file, stops the command with one line before anything runs.

[Regularizers](regularizers.md), [kinds of network](networks.md), [optimizers and
schedules](optimizers.md) have settings of their own.
"""
_TABLE = "\n| setting | takes | default | meaning |\n|---|---|---|---|\n"
# What has a page of its own, or too many forms for a cell.
_ELSEWHERE = {
    "networks": "entries by name: [kinds](networks.md)",
    "techniques": "entries by name: [regularizers](regularizers.md)",
    "ingest.size": "auto, a number, or two, from 1 to 4096",
    "protocol.seeds": "a number of seeds, a list of them, or `looks`",
    "learning_curve.sizes": "whole numbers ≥ 1, and `all`",
    "refit.seeds": "a number of seeds, or a list of them",
    "tuning.search": "ranges by technique, regularizer and setting: [tuning](tuning.md)",
    "tuning.fixed": "names of settings by technique",
    "reporting.published": "entries by technique: `accuracy`, `claim`, `says`, `not_comparable`",
    "protocol.optimizer": f"{', '.join(OPTIMIZERS)}, each with [its settings](optimizers.md)",
    "protocol.schedule": f"{', '.join(SCHEDULES)}, each with [its settings](optimizers.md)",
}
_NOT_WRITTEN = {"protocol.looks"}  # stands under `seeds`
_KEY = re.compile(r"( *)(\w+):( .*?)?(?: +# ?(.*))?")
_COMMENT = re.compile(r"( *)# ?(.*)")


def settings_page(conf: Path) -> str:
    """Return the page as Markdown: a table for each group of settings.

    Args:
        conf: The folder ``conf/base``.
    """
    files = [conf / "globals.yml", *sorted(conf.glob("parameters_*.yml"))]
    defaults: dict[str, Any] = {}
    meanings: dict[str, str] = {}
    lies_in: dict[str, str] = {}  # the file of each group
    for file in files:
        text = file.read_text("utf-8")
        content = yaml.safe_load(text)
        defaults |= content
        lies_in |= dict.fromkeys(content, file.name)
        meanings |= comments_of(text)
    of_study, groups = [], []
    for name, field in Study.model_fields.items():
        group = field.annotation
        if isinstance(group, type) and issubclass(group, Settings):
            title = (group.__doc__ or name).partition("\n")[0].replace("``", "`")
            rows = _rows(group, f"{name}.", defaults.get(name, {}), meanings)
            lies = f"In `{lies_in[name]}`." if name in lies_in else ""
            groups.append(f"\n## {name}\n\n{title} {lies}\n{_TABLE}{table_rows(rows)}")
        else:
            of_study.append(_row(name, field, defaults, meanings))
    return _HEAD + _TABLE + table_rows(of_study) + "".join(groups)


def _rows(
    model: type[Settings], beginning: str, defaults: Mapping[str, Any], meanings: Mapping[str, str]
) -> Iterator[list[str]]:
    """Yield a row for each setting of a group, those of groups inside of it too."""
    for name, field in model.model_fields.items():
        key, inner = f"{beginning}{name}", field.annotation
        if key in _NOT_WRITTEN:
            continue
        if isinstance(inner, type) and issubclass(inner, Settings):
            yield from _rows(inner, f"{key}.", defaults.get(name, {}), meanings)
        else:
            yield _row(key, field, defaults, meanings)


def _row(
    key: str, field: Any, defaults: Mapping[str, Any], meanings: Mapping[str, str]
) -> list[str]:
    """Return a setting's name, what it takes, its default and what it means."""
    name = key.rpartition(".")[2]
    default = defaults.get(name, field.get_default(call_default_factory=True))
    if key in {"networks", "techniques"}:
        shown = ", ".join(f"`{entry}`" for entry in default)
    else:
        shown = f"`{yaml.safe_dump(default, default_flow_style=True, width=999).split(chr(10))[0]}`"
    takes = _ELSEWHERE.get(key) or range_of(field.annotation, field.metadata)
    own = meanings.get(key) or field.description or ""
    inside = "; ".join(said for of, said in meanings.items() if of.startswith(f"{key}.") and said)
    meaning = own if key in {"networks", "techniques"} else f"{own} {inside}".strip()
    return [f"`{key}`", takes, shown, _in_cell(meaning)]


def comments_of(text: str) -> dict[str, str]:
    """Return the comments of a YAML file by setting, such as ``protocol.epochs``.

    A comment stands behind its setting and goes on in lines that are indented further, or stands
    in the lines above.
    """
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    above: list[str] = []
    for line in text.splitlines():
        comment = _COMMENT.fullmatch(line)
        if comment:
            if path and len(comment[1]) > path[-1][0] + 2 and not above:
                key = ".".join(name for _, name in path)
                found[key] = f"{found[key]} {comment[2]}".strip()
            else:
                above.append(comment[2])
            continue
        key_line = _KEY.fullmatch(line)
        if key_line:
            indent = len(key_line[1])
            path = [*(part for part in path if part[0] < indent), (indent, key_line[2])]
            found[".".join(name for _, name in path)] = key_line[4] or " ".join(above)
        above = []
    return found


def _in_cell(meaning: str) -> str:
    """Return a comment as a cell of Markdown shows it: signs as they are, pages as links."""
    escaped = re.sub(r"([*<>\[\]])", r"\\\1", meaning)
    return re.sub(r"docs/([\w-]+)\.md", r"[\1](\1.md)", escaped)
