"""The doctor's findings as text: a line each for the terminal, and a page of Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from regbench.doctor.examine import MOST_SHOWN
from regbench.doctor.words import price
from regbench.text.counted import number_of

Findings = Sequence[Mapping[str, Any]]


def heading(findings: Findings) -> str:
    """Return how many findings there are, in a line."""
    if not findings:
        return "The doctor has nothing to say."
    return f"The doctor has {number_of(len(findings), 'finding')}."


def title_of(finding: Mapping[str, Any]) -> str:
    """Return a finding's code, title and, in a study of several, its network."""
    network = f" ({finding['network']})" if finding["network"] else ""
    return f"{finding['code']}{network}: {finding['title']}"


def next_step(finding: Mapping[str, Any]) -> str:
    """Return a finding's next command with its price."""
    return f"{finding['command']} ({price_of(finding)})"


def price_of(finding: Mapping[str, Any]) -> str:
    """Return what a finding's next command takes: 'about 3 minutes'."""
    return price(finding["minutes"])


def terminal_lines(findings: Findings) -> list[str]:
    """Return the findings for the terminal: the first in full, of the others their titles."""
    lines = [heading(findings)]
    for finding in findings[:MOST_SHOWN]:
        remark = f" {finding['remark']}" if finding["remark"] else ""
        lines += [
            f"{title_of(finding)}: {finding['seen']}. {finding['why']}",
            f"  next: {next_step(finding)}{remark}",
        ]
    if rest := findings[MOST_SHOWN:]:
        lines.append(f"And {'; '.join(title_of(finding) for finding in rest)}.")
    return lines


def as_markdown(findings: Findings) -> str:
    """Return all findings as Markdown."""
    lines = ["# The doctor", "", heading(findings), ""]
    for finding in findings:
        remark = f" {finding['remark']}" if finding["remark"] else ""
        lines += [
            f"## {title_of(finding)}",
            "",
            f"Seen: {finding['seen']}.",
            "",
            f"{finding['why']}{remark}",
            "",
            f"Next, {price_of(finding)}:",
            "",
            "```bash",
            finding["command"],
            "```",
            "",
        ]
        lines += [
            f"- {each['filename']!r}: labelled {each['label']!r}, rather {each['other']!r}"
            for each in finding["suspects"]
        ]
        lines += [""] if finding["suspects"] else []
    return "\n".join(lines).rstrip() + "\n"


def codes_of(findings: Findings) -> str:
    """Return the codes of findings, the most important first: 'RB101 RB103'."""
    return " ".join(dict.fromkeys(str(finding["code"]) for finding in findings))


def pilot_lines(pilot: Mapping[str, Any]) -> list[str]:
    """Return what a pilot tells: what the study will take, and what is to be seen already.

    Args:
        pilot: From ``pilot.estimate``, with ``findings``.
    """
    low, high = pilot["minutes"]
    time = price(high) if low == high else f"{price(low)} to {price(high).removeprefix('about ')}"
    trainings = "{:,} to {:,}".format(*pilot["trainings"])
    if pilot["trainings"][0] == pilot["trainings"][1]:
        trainings = f"{pilot['trainings'][0]:,}"
    lines = [
        f"The pilot trained the baseline on {each['network'] or 'the network'} for "
        f"{number_of(each['epochs'], 'epoch')} of {each['planned']}: a training takes about "
        f"{each['seconds']:,.0f} seconds and {each['memory'] / 1e9:.1f} GB"
        for each in pilot["networks"]
    ]
    lines.append(
        f"The study has {trainings} trainings, {pilot['side_by_side']} at once: {time}, and up to "
        f"{pilot['memory'] / 1e9:.1f} GB of memory"
    )
    return [*lines, *terminal_lines(pilot["findings"])]
