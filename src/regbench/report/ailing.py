"""What ails a network so much that techniques can say little: the doctor's finding on it."""

from collections.abc import Mapping, Sequence
from typing import Any

from regbench.report.outcome import Found, Outcome

Findings = Sequence[Mapping[str, Any]]  # the doctor's, from ``examine``, the most important first

NOT_LEARNED = ("RB101", "RB103")  # too little for any technique to matter
NOT_OVERFITTED = "RB102"  # there is nothing to regularize
OF_THE_NETWORK = (*NOT_LEARNED, NOT_OVERFITTED)

# Where a technique helps, or the comparison says by itself what is in the way, that is the answer.
_WITHOUT_ANSWER = (Found.DESCRIPTIVE, Found.NONE_HELPS, Found.NONE_SO_FAR, Found.OPEN)


def ailment(outcome: Outcome, findings: Findings) -> Mapping[str, Any] | None:
    """Return the finding that stands above the answer; None if there is none.

    Args:
        outcome: What the study has found, on one network.
        findings: On this network.
    """
    if not findings or outcome.found not in _WITHOUT_ANSWER:
        return None
    return findings[0] if findings[0]["code"] in OF_THE_NETWORK else None


def ails_badly(outcome: Outcome, findings: Findings) -> bool:
    """Return whether the network has learned too little for its verdicts to reach further."""
    found = ailment(outcome, findings)
    return found is not None and found["code"] in NOT_LEARNED


def on_regularization(finding: Mapping[str, Any]) -> str:
    """Return the clause that says what the trouble is, in place of a technique."""
    return f"Regularization is not the remedy: {told(finding)}"


def told(finding: Mapping[str, Any]) -> str:
    """Return a finding in a few words, with its code."""
    return f"{finding['title']} ({finding['code']})"
