"""Notes on techniques that failed, are stale or not trained, and on verdicts of these images."""

import pandas as pd

from regbench.comparison.compare import STALE, UNTRAINED, failure, networks_of
from regbench.comparison.verdicts import BETTER, EQUIVALENT, UNDECIDED, WORSE
from regbench.evaluation.results import FAILED
from regbench.report.answer import band_text
from regbench.report.numbers import listed
from regbench.study.arms import Arm

MOST_NAMED = 12  # techniques named in a note; the rest is counted


def status_notes(comparison: pd.DataFrame, command: str, *, on_page: bool = False) -> list[str]:
    """Return notes on techniques that are failed, stale or not trained, and on what to run.

    Args:
        comparison: From ``compare``.
        command: The study's command: ``kedro run`` with its environment and parameters.
        on_page: Whether they stand on the first screen, which says the rest in other places.
    """
    if "network" in comparison:
        return [
            f"{network}: {note}"
            for network, own in networks_of(comparison).items()
            for note in status_notes(own, command, on_page=on_page)
        ]
    notes = [failure(row) for row in comparison[comparison["status"] == FAILED].to_dict("records")]
    stale = comparison[comparison["status"] == STALE]
    for reason in dict.fromkeys(str(row["reason"]) for row in stale.to_dict("records")):
        of_it = stale.loc[stale["reason"] == reason, "technique"].tolist()
        names = listed(of_it, MOST_NAMED)
        notes.append(f"{names} {'is' if len(of_it) == 1 else 'are'} stale; {reason}.")
    partial = comparison[(comparison["trainings"] > 0) & (comparison["missing_trainings"] > 0)]
    notes += [
        f"{row['technique']} has {row['trainings']} of "
        f"{row['trainings'] + row['missing_trainings']} seeds."
        for row in partial[partial["status"] != STALE].to_dict("records")
    ]
    if on_page:
        return notes
    if len(stale) + len(partial):
        notes.append(f"{command} --only-missing-outputs trains what is stale or missing.")
    band = f"±{band_text(comparison)}, the band" if band_text(comparison) else "the band"
    notes += [
        f"{row.technique} is {row.verdict} on these images; with other images and seeds "
        f"{'it might not be' if row.verdict == EQUIVALENT else 'the difference might vanish'}: "
        "its bootstrap interval "
        f"{f'reaches beyond {band}' if row.verdict == EQUIVALENT else 'holds 0'}."
        for row in _only_on_these_images(comparison).itertuples()
    ]
    note = untrained_note(comparison, command)
    return [*notes, *([note] if note else [])]


def untrained_note(comparison: pd.DataFrame, command: str) -> str:
    """Return which techniques are not trained, and the command that trains them; '' without any.

    Args:
        comparison: From ``compare``, of one network, or from ``networks_of``.
        command: As for ``status_notes``.
    """
    names = comparison.loc[comparison["status"] == UNTRAINED, "technique"].tolist()
    if not names:
        return ""
    if len(names) > MOST_NAMED:
        return f"{len(names)} techniques are not trained; {command} trains all."
    network = comparison.attrs.get("network", "")
    pipelines = ",".join([*(Arm(name, network).name for name in names), "reporting"])
    return f"Not trained: {', '.join(names)}; {command} --pipelines={pipelines} trains them."


def _only_on_these_images(comparison: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a verdict that does not allow for the luck of the images.

    The bootstrap resamples images as well as seeds, the t test behind the verdict only seeds.
    """
    if "verdict_over_images" not in comparison:
        return comparison[:0]
    found = comparison["verdict"].isin([BETTER, WORSE, EQUIVALENT])
    return comparison[found & (comparison["verdict_over_images"] == UNDECIDED)]
