"""Licences and known vulnerabilities of everything that RegBench needs to run.

Licences are read from what is installed. Vulnerabilities are looked up by pip-audit, which needs
the internet: without it that half is skipped, and says so.
"""

import argparse
import json
import re
import subprocess
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement

from benchmarks.reliability import record

ABOUT = "Licences and known vulnerabilities of all packages that are needed."
# SPDX identifiers (https://spdx.org/licenses) that oblige nobody who only uses or installs.
ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "HPND"),
        *("ISC", "MIT", "MIT-CMU", "PSF-2.0", "Unlicense", "Zlib"),
    }
)
# Packages that say nothing, or something else, and why they may be used all the same.
REASONS = {
    "certifi": "MPL-2.0, of its own files only; used unchanged",
    "orjson": "MPL-2.0, of its own files only; used unchanged",
    "pathspec": "MPL-2.0, of its own files only; used unchanged",
    "text-unidecode": "Artistic-1.0 or GPL-2.0-or-later at one's choice: the former is taken",
    "click-default-group": "in the public domain",
    "cookiecutter": "BSD-3-Clause by its LICENSE file; its metadata says nothing",
    "namex": "Apache-2.0 by its LICENSE file; its metadata says nothing",
}
_BY_WORDS = (
    (r"\bapache", "Apache-2.0"),
    (r"\bmit\b", "MIT"),
    (r"\bisc\b", "ISC"),
    (r"python software foundation|\bpsf|license agreement for matplotlib", "PSF-2.0"),
    (r"\bbsd[- ]2|2-clause bsd", "BSD-2-Clause"),
    (r"\bbsd|kiwi licen[sc]e", "BSD-3-Clause"),
)
_AUDIT = ("uv", "tool", "run", "pip-audit", "--format=json", "--progress-spinner=off", "--path")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Those of the subcommand."""
    record.add_out(parser)


def run(arguments: argparse.Namespace) -> record.Figures:
    """Check licences and vulnerabilities; print what was found, and write it down."""
    found = licences(needed("regbench"))
    wrong = [name for name, licence in found.items() if not is_allowed(name, licence)]
    by_name = sorted(REASONS.keys() & found.keys())
    vulnerable, skipped = vulnerabilities([*_AUDIT, sysconfig.get_path("purelib")])
    figures: record.Figures = {
        "packages": len(found),
        "with a licence that is not allowed": [
            f"{name} ({found[name] or 'says nothing'})" for name in wrong
        ],
        "allowed by name": [f"{name} ({REASONS[name]})" for name in by_name],
        "known vulnerabilities": vulnerable,
    }
    if skipped:
        figures["known vulnerabilities"] = "**SKIPPED, NOT CHECKED**"
        figures["not checked, because"] = skipped
        figures["known vulnerabilities in what was checked"] = vulnerable
    figures["passed"] = not wrong and not vulnerable
    if skipped and figures["passed"]:
        figures["passed"] = "the licences; nothing is known of the rest"
    record.write(arguments.out, "dependencies", ABOUT, figures)
    return figures


def needed(name: str) -> dict[str, Distribution]:
    """Find all that a package needs here, directly or not, without extras; itself left out."""
    found: dict[str, Distribution] = {}
    seen, waiting = {_key(name)}, _requirements(distribution(name))
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        try:
            found[key] = distribution(key)
        except PackageNotFoundError:
            continue  # not installed: not used
        waiting += _requirements(found[key])
    return dict(sorted(found.items()))


def licences(distributions: dict[str, Distribution]) -> dict[str, str]:
    """Say by package which licences it names, as an SPDX expression; empty if it names none."""
    return {name: _licence(one) for name, one in distributions.items()}


def is_allowed(name: str, expression: str) -> bool:
    """Say whether a package may be used: by its licences, or by name for a reason."""
    if name in REASONS:
        return True
    needed_all = [part.strip("() ") for part in re.split(r" AND (?![^(]*\))", expression)]
    return all(
        any(option.strip() in ALLOWED for option in part.split(" OR ")) for part in needed_all
    )


def vulnerabilities(command: list[str]) -> tuple[list[str], str]:
    """Ask pip-audit.

    Returns:
        A line per known vulnerability, and why some or all packages were not looked up; empty if
        all were.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], str(error)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return [], (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    # Where its index has no vulnerability data, pip-audit skips packages and reports success.
    skipped = [one for one in packages if "skip_reason" in one and one["name"] != "regbench"]
    return [
        f"{one['name']} {one['version']}: {fault['id']}, mended in "
        f"{', '.join(fault['fix_versions']) or 'no version yet'}"
        for one in packages
        for fault in one.get("vulns", [])
    ], _why(skipped, len(packages))


def _why(skipped: list[dict[str, str]], total: int) -> str:
    if not skipped:
        return ""
    return f"{len(skipped)} of {total} packages, for example: {skipped[0]['skip_reason']}"


def _requirements(one: Distribution) -> list[str]:
    requirements = [Requirement(text) for text in one.requires or []]
    return [
        _key(each.name)
        for each in requirements
        if each.marker is None or each.marker.evaluate({"extra": ""})
    ]


def _key(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _licence(one: Distribution) -> str:
    """The licence that a package's metadata names, the newest field first."""
    metadata = one.metadata
    if metadata["License-Expression"]:
        return str(metadata["License-Expression"])
    classified = [
        text.rpartition("::")[2].strip()
        for text in metadata.get_all("Classifier") or []
        if text.startswith("License ::") and not text.endswith("OSI Approved")
    ]
    texts = classified or [line for line in (metadata["License"] or "").splitlines()[:1] if line]
    return " AND ".join(_identifier(text) for text in texts)


def _identifier(text: str) -> str:
    """The SPDX identifier of a licence in words, or the words."""
    lowered = text.lower()
    return next((known for words, known in _BY_WORDS if re.search(words, lowered)), text)
