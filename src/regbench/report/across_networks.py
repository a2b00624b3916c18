"""What a report says of several networks: whether the verdicts hold on each, and its sections."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pandas as pd
from markupsafe import Markup

from regbench.comparison.compare import networks_of
from regbench.comparison.verdicts import BETTER, DESCRIPTIVE, UNDECIDED, VERDICTS, WORSE
from regbench.report.numbers import listed
from regbench.study.arms import by_network

if TYPE_CHECKING:
    from regbench.report.page import ReportContent

# Attributes that name an element of the page, or refer to one.
_OF_AN_ID = re.compile(r'(\bid="|\bhref="#|url\(#|\baria-labelledby="|\baria-describedby=")')


def contents_by_network(content: "ReportContent") -> dict[str, "ReportContent"]:
    """Return the content of the report on each network alone; empty for a single network."""
    found = {}
    results = by_network(content.results)
    for network, comparison in networks_of(content.comparison).items():
        if network:
            protocol = {**content.settings.get("protocol", {}), "network": network}
            found[network] = replace(
                content,
                comparison=comparison,
                results=results.get(network, {}),
                settings={**content.settings, "protocol": protocol},
            )
    return found


def with_own_ids(section: str, prefix: str) -> Markup:
    """Return a rendered section with ids of its own, so that the page may have it several times.

    Args:
        section: HTML whose texts are escaped: quotes in them are no attributes.
        prefix: Put before every id and every reference to one.
    """
    prefixed = _OF_AN_ID.sub(lambda found: f"{found[0]}{prefix}-", section)
    return Markup(prefixed)  # noqa: S704 - rendered by a template


def sentence_on_networks(comparison: pd.DataFrame) -> str:
    """Return whether each technique's verdict holds on every network, in a sentence.

    A technique that is better on one network and worse on another flips, and comes first; then
    those with the same verdict everywhere; then those with different ones that do not contradict
    one another.

    Args:
        comparison: From ``compare``, of a study of several networks.
    """
    networks = list(dict.fromkeys(comparison["network"]))
    clauses = list(_clauses(_verdicts(comparison), networks))
    if clauses:
        return f"{'; '.join(clauses)}."
    if "verdict" in comparison and (comparison["verdict"] == DESCRIPTIVE).any():
        return (
            f"Too few seeds to say whether a verdict holds on all of {listed(networks)}: "
            "each network's own sentence describes."
        )
    return f"No technique is compared with the baseline on more than one of {listed(networks)}."


def _verdicts(comparison: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return the verdicts by technique, then network, of techniques that are judged on several."""
    found: dict[str, dict[str, str]] = {}
    for row in comparison.to_dict("records"):
        verdict = row.get("verdict")
        if verdict in VERDICTS and VERDICTS[verdict].judged:
            found.setdefault(str(row["technique"]), {})[str(row["network"])] = str(verdict)
    return {name: verdicts for name, verdicts in found.items() if len(verdicts) > 1}


def _clauses(verdicts: dict[str, dict[str, str]], networks: list[str]) -> Iterator[str]:
    """Yield a clause for each technique or group of techniques that fare alike."""
    alike: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for name, by_net in verdicts.items():
        alike.setdefault(tuple((net, by_net[net]) for net in networks if net in by_net), []).append(
            name
        )
    alike = {key: sorted(names) for key, names in alike.items()}

    def turn(key: tuple[tuple[str, str], ...]) -> tuple[int, int]:
        given = {verdict for _, verdict in key}
        order = list(VERDICTS)
        rank = 0 if {BETTER, WORSE} <= given else 1 if len(given) == 1 else 2
        return rank, min(order.index(verdict) for verdict in given)

    for key in sorted(alike, key=turn):
        names, given = alike[key], {verdict for _, verdict in key}
        are = f"{listed(names)} {'are' if len(names) > 1 else 'is'}"
        if len(given) == 1:
            yield f"{are} {given.pop()} on {_where([net for net, _ in key], networks)}"
            continue
        of_verdict = [
            f"{verdict} on {listed([net for net, own in key if own == verdict])}"
            for verdict in VERDICTS
            if verdict in given
        ]
        said = f"{are} {', '.join(of_verdict)}"
        if {BETTER, WORSE} <= given:
            said += f": {'they flip' if len(names) > 1 else 'it flips'}"
        elif UNDECIDED in given:
            said += ", which is no contradiction"
        yield said


def _where(shown: list[str], networks: list[str]) -> str:
    """Return the networks of a clause: 'both networks', 'all 3 networks', or their names."""
    if shown != networks:
        return listed(shown)
    return "both networks" if len(networks) == 2 else f"all {len(networks)} networks"
