"""The examination: all checks of a study, and their findings in the order in which they matter."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from regbench.comparison.compare import networks_of
from regbench.doctor.base import Check, Finding
from regbench.doctor.evidence import Evidence
from regbench.doctor.registry import checks
from regbench.study.arms import by_network

MOST_SHOWN = 3  # findings shown at once; the others a click away


class _Found(NamedTuple):
    """A check's finding, and the network that it is about: '' for all or a single one."""

    check: Check
    finding: Finding
    network: str


def examine(
    evidence: Evidence, muted: Collection[str] = (), *, pilot: bool = False
) -> list[dict[str, Any]]:
    """Return the findings of a study, the most important first.

    Args:
        evidence: On the study; results by arm, and the comparison of all networks.
        muted: Codes of checks that are left out.
        pilot: Whether the trainings are those of a pilot, with a tenth of the epochs.

    Returns:
        For each finding, plain values: code, title, why, seen, command, minutes (None if unknown),
        remark, action, network and suspects (filename, label and other of each). Those that
        another of the same network explains are left out.
    """
    wanted = [
        check
        for check in checks().values()
        if check.code not in muted and (check.in_pilot or not pilot)
    ]
    found = list(_found([check for check in wanted if check.of_images], evidence, ""))
    of_trainings = [check for check in wanted if not check.of_images]
    for network, own in by_network_of(evidence).items():
        found += _found(of_trainings, own, network)
    explained = {(code, each.network) for each in found for code in each.check.explains}
    found = [each for each in found if (each.check.code, each.network) not in explained]
    found.sort(key=lambda each: (each.finding.rank or each.check.rank, each.check.code))
    return [_plain(each) for each in found]


def by_network_of(evidence: Evidence) -> dict[str, Evidence]:
    """Return the evidence on each network of a study; of a single one under ''."""
    comparisons: Mapping[str, Any] = networks_of(evidence.comparison)
    return {
        network: replace(
            evidence, results=results, comparison=comparisons[network], network=network
        )
        for network, results in by_network(evidence.results).items()
        if network in comparisons
    }


def _found(wanted: Iterable[Check], evidence: Evidence, network: str) -> Iterable[_Found]:
    for check in wanted:
        if (finding := check.find(evidence)) is not None:
            yield _Found(check, finding, network)


def _plain(found: _Found) -> dict[str, Any]:
    """Return a finding as plain values, for JSON."""
    check, finding, network = found
    return {
        "code": check.code,
        "title": check.title,
        "why": check.why,
        "seen": finding.seen,
        "command": finding.command,
        "minutes": None if finding.minutes is None else round(finding.minutes, 2),
        "remark": finding.remark,
        "action": finding.action,
        "network": network,
        "suspects": [suspect._asdict() for suspect in finding.suspects],
    }
