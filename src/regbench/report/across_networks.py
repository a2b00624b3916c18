"""What a report says of several networks: whether the verdicts hold on each, and its sections."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from regbench.comparison.compare import metric_of, networks_of
from regbench.comparison.verdicts import (
    BETTER,
    DESCRIPTIVE,
    EQUIVALENT,
    UNDECIDED,
    VERDICTS,
    WORSE,
)
from regbench.report.answer import within_words
from regbench.report.numbers import listed, signed
from regbench.report.outcome import Found, outcome_of
from regbench.report.sentences import figure_name
from regbench.study.arms import by_network
from regbench.study.schema import BASELINE

if TYPE_CHECKING:
    from regbench.report.page import ReportContent

# Attributes that name an element of the page, or refer to one.
_OF_AN_ID = re.compile(r'(\bid="|\bhref="#|url\(#|\baria-labelledby="|\baria-describedby=")')


def contents_by_network(content: "ReportContent") -> dict[str, "ReportContent"]:
    """Return the content of the report on each network alone; empty for a single network."""
    found = {}
    results, pairs = by_network(content.results), content.interactions
    for network, comparison in networks_of(content.comparison).items():
        if network:
            protocol = {**content.settings.get("protocol", {}), "network": network}
            trained = set(comparison["technique"])
            techniques = content.settings.get("techniques", {})
            own = {name: entry for name, entry in techniques.items() if name in trained}
            found[network] = replace(
                content,
                comparison=comparison,
                results=results.get(network, {}),
                interactions=_pairs_on(network, pairs, trained),
                settings={**content.settings, "protocol": protocol, "techniques": own},
            )
    return found


def _pairs_on(
    network: str, pairs: pd.DataFrame | None, trained: Collection[str]
) -> pd.DataFrame | None:
    """Return a network's pairs of techniques; None if it trains none that there is elsewhere."""
    if pairs is None or pairs.empty:
        return pairs
    names = pairs[["one", "other", "both"]].itertuples(index=False)
    if not any(set(of_pair) <= set(trained) for of_pair in names):
        return None
    return pairs[pairs["network"] == network]


def settings_with_networks(settings: Mapping[str, Any], comparison: pd.DataFrame) -> dict[str, Any]:
    """Return a study's settings with the ``networks`` of techniques that train not all of them.

    Args:
        settings: Plain values; ``techniques`` are regularizers by name.
        comparison: From ``compare``, of a study of several networks.
    """
    every = comparison["network"].nunique()
    trained = comparison.groupby("technique", sort=False)["network"].agg(list)
    techniques = {
        name: entry
        if len(trained.get(name, [])) in (0, every)
        else {"networks": trained[name], **entry}
        for name, entry in settings.get("techniques", {}).items()
    }
    return {**settings, "techniques": techniques} if techniques else dict(settings)


def with_own_ids(section: str, prefix: str) -> Markup:
    """Return a rendered section with ids of its own, so that the page may have it several times.

    Args:
        section: HTML whose texts are escaped: quotes in them are no attributes.
        prefix: Put before every id and every reference to one.
    """
    prefixed = _OF_AN_ID.sub(lambda found: f"{found[0]}{prefix}-", section)
    return Markup(prefixed)  # noqa: S704 - rendered by a template


def short_sentence_on_networks(comparison: pd.DataFrame) -> str:
    """Return what holds on every network and what flips, with sizes, in ``MOST_WORDS`` words.

    Args:
        comparison: From ``compare``, of a study of several networks.
    """
    networks = list(dict.fromkeys(comparison["network"]))
    own = networks_of(comparison)
    if all(outcome_of(of_one).found is Found.UNLEARNED for of_one in own.values()):
        return (
            f"On none of {len(networks)} networks is a technique shown to beat always answering "
            "the largest class: they have not learned, and differences mean nothing."
        )
    verdicts, gains = _verdicts(comparison), _gains(comparison)
    if not verdicts:
        return sentence_on_networks(comparison)
    everywhere = _where(networks, networks)
    trained = comparison["technique"].value_counts()
    judged = _verdicts(comparison, 1)  # also those of techniques for one network
    whole = {name: set(of.values()) for name, of in judged.items() if len(of) == trained[name]}
    on_all = [name for name in whole if trained[name] == len(networks)]
    helping = [name for name in on_all if whole[name] == {BETTER}]
    helping.sort(key=lambda name: -min(gains[name].values()))
    flipping = [name for name, of in verdicts.items() if {BETTER, WORSE} <= set(of.values())]
    metric = metric_of(comparison)
    unit = f"{metric.short_unit} of {figure_name(comparison)}"
    clauses = [f"No technique is shown to help on {everywhere}"]
    if helping:
        least, most = (
            f"{metric.factor * end(gains[helping[0]].values()):.{metric.digits}f}"
            for end in (min, max)
        )
        by = least if least == most else f"{least} to {most}"
        clauses = [f"{helping[0]} helps on {everywhere}, by {by} {unit}"]
        clauses += [f"{_counted(helping[1:], 'does', 'do')}, too"] if helping[1:] else []
    if flipping:
        sizes = [
            f"{signed(metric.factor * gains[flipping[0]][net], f'.{metric.digits}f')} on {net}"
            for net in networks
            if verdicts[flipping[0]].get(net) in (BETTER, WORSE)
        ]
        clauses.append(
            f"{flipping[0]} flips: {listed(sizes)}"
            if len(flipping) == 1
            else f"{len(flipping)} flip, such as {flipping[0]}: {listed(sizes)}"
        )
    partly = [name for name, of in judged.items() if BETTER in of.values()]
    partly = [name for name in partly if name not in {*helping, *flipping}]
    tally = [(partly, "helps on some", "help on some")]
    for verdict, one, several in (
        (EQUIVALENT, "makes no difference", "make no difference"),
        (WORSE, "makes it worse", "make it worse"),
    ):
        tally.append(([name for name, of in whole.items() if of == {verdict}], one, several))
    told = {*helping, *flipping, *(name for names, *_ in tally for name in names)}
    tally.append(([name for name in judged if name not in told], "is open", "are open"))
    clauses += [_counted(names, one, several) for names, one, several in tally if names]
    return within_words(*clauses)


def _counted(names: list[str], one: str, several: str) -> str:
    """Return 'l1 helps' or '3 help'."""
    return f"{names[0]} {one}" if len(names) == 1 else f"{len(names)} {several}"


def _gains(comparison: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return the differences by technique, then network, above 0 if better, as stored."""
    metric, found = metric_of(comparison), dict[str, dict[str, float]]()
    for row in comparison.to_dict("records"):
        if pd.notna(row.get("difference")):
            gain = metric.gain(row["difference"])
            found.setdefault(str(row["technique"]), {})[str(row["network"])] = gain
    return found


def sentence_on_networks(comparison: pd.DataFrame) -> str:
    """Return whether each technique's verdict holds on every network, in a sentence.

    A technique that is better on one network and worse on another flips, and comes first; then
    those with the same verdict everywhere; then those with different ones that do not contradict
    one another.

    Args:
        comparison: From ``compare``, of a study of several networks.
    """
    networks = list(dict.fromkeys(comparison["network"]))
    others = comparison.loc[comparison["technique"] != BASELINE, "technique"]
    if len(others) and others.is_unique:
        return (
            f"No technique is for more than one of {listed(networks, 3)}: each network's own "
            "sentence says what helps on it."
        )
    clauses = list(_clauses(_verdicts(comparison), networks))
    if clauses:
        return f"{'; '.join(clauses)}."
    if "verdict" in comparison and (comparison["verdict"] == DESCRIPTIVE).any():
        return (
            f"Too few seeds to say whether a verdict holds on all of {listed(networks, 3)}: "
            "each network's own sentence describes."
        )
    return f"No technique is compared with the baseline on more than one of {listed(networks, 3)}."


def _verdicts(comparison: pd.DataFrame, networks: int = 2) -> dict[str, dict[str, str]]:
    """Return the verdicts by technique, then network.

    Args:
        comparison: From ``compare``.
        networks: On how many a technique is judged, at least.
    """
    found: dict[str, dict[str, str]] = {}
    for row in comparison.to_dict("records"):
        verdict = row.get("verdict")
        if verdict in VERDICTS and VERDICTS[verdict].judged:
            found.setdefault(str(row["technique"]), {})[str(row["network"])] = str(verdict)
    return {name: verdicts for name, verdicts in found.items() if len(verdicts) >= networks}


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
