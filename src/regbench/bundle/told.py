"""What a verification has found, as lines for the terminal, and how it ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from regbench.bundle.checks import DIFFERS, NOT_CHECKED, Check, differing
from regbench.errors import StudyError
from regbench.text.visible import in_one_line

_WIDEST = 60  # characters of a check's name


def lines(verification: Mapping[str, Any]) -> list[str]:
    """Return a line for each check, those of its remarks below it, and the settings to take over.

    Args:
        verification: ``checks``; and ``entries``, settings of the bundle that differ here.
    """
    checks: Sequence[Check] = verification["checks"]
    width = min(_WIDEST, max(len(check["what"]) for check in checks))
    told = [f"{'checked':<{width}}  result"]
    for check in checks:
        told.append(f"{in_one_line(check['what']):<{width}}  {check['result']}")
        told += [f"    {in_one_line(line)}" for line in check["lines"]]
    if verification["entries"]:
        told += ["", "To train with the bundle's settings, a file of conf/local may have:", ""]
        written = yaml.safe_dump(verification["entries"], sort_keys=False, allow_unicode=True)
        told += [in_one_line(line) for line in written.splitlines()]
    return told


def check_agreement(verification: Mapping[str, Any]) -> None:
    """Check that nothing differs.

    Raises:
        StudyError: Something does; exit code 1.
    """
    checks: Sequence[Check] = verification["checks"]
    differ = [check["what"] for check in checks if check["result"] == DIFFERS]
    if differ:
        rest = sum(check["result"] == NOT_CHECKED for check in checks)
        raise StudyError(
            f"the bundle is not confirmed: {len(differ)} of {len(checks)} checks differ "
            f"({'; '.join(differ)}), {rest} not checked"
        )


def entries_of(bundle_settings: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a bundle that differ here, nested as in a file of ``conf``."""
    entries: dict[str, Any] = {}
    for key, value, _ in differing(bundle_settings, here):
        *groups, name = key.split(".")
        place = entries
        for group in groups:
            place = place.setdefault(group, {})
        place[name] = value
    return entries
