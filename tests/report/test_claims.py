"""The sentence on published claims counts them by outcome."""

import pandas as pd

from regbench.report.claims import claims_sentence

BOTH = "survives as published, undecided in the fair protocol"


def test_claims_are_named_by_outcome_and_the_incomparable_left_out() -> None:
    outcomes = {
        "dropout": "survives",
        "l1": "does not survive",
        "l2": "survives",
        "zca": BOTH,
        "early_stopping": "cannot be compared",
        "baseline": "",
    }
    claims = pd.DataFrame({"technique": list(outcomes), "outcome": list(outcomes.values())})
    assert claims_sentence(claims) == (
        f"4 claims can be compared; survives: dropout and l2; does not survive: l1; {BOTH}: zca."
    )


def test_nothing_is_said_without_a_claim_that_can_be_compared() -> None:
    assert claims_sentence(None) == ""
    assert claims_sentence(pd.DataFrame()) == ""
    claims = pd.DataFrame({"technique": ["zca"], "outcome": ["cannot be compared"]})
    assert claims_sentence(claims) == ""
