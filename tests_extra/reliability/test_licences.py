"""The licences of all that RegBench needs to run; extras are not looked at."""

import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import pytest
from packaging.requirements import Requirement

# What obliges nobody who only uses or installs: SPDX identifiers, and words.
ALLOWED = (
    r"\b(0bsd|apache|bsd|bsl-1|cc0|hpnd|isc|mit|psf|python software foundation|unlicense|zlib"
    r"|kiwi licen[sc]e|license agreement for matplotlib)\b"
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


def needed(name: str) -> dict[str, Distribution]:
    """All that a package needs here, directly or not; itself left out."""
    found: dict[str, Distribution] = {}
    waiting = [distribution(name)]
    while waiting:
        requirements = map(Requirement, waiting.pop().requires or [])
        for one in requirements:
            key = re.sub(r"[-_.]+", "-", one.name).lower()
            if key in found or (one.marker and not one.marker.evaluate({"extra": ""})):
                continue
            try:
                found[key] = distribution(key)
            except PackageNotFoundError:
                continue  # not installed: not used
            waiting.append(found[key])
    return found


def licences(one: Distribution) -> list[str]:
    """What a package's metadata names, the newest field first: an expression, or words."""
    if one.metadata["License-Expression"]:
        return re.split(r" AND (?![^(]*\))", one.metadata["License-Expression"])
    classified = [
        text.rpartition("::")[2]
        for text in one.metadata.get_all("Classifier") or []
        if text.startswith("License ::") and not text.endswith("OSI Approved")
    ]
    return classified or (one.metadata["License"] or "").splitlines()[:1]


def is_allowed(texts: list[str]) -> bool:
    """All that holds together has to be allowed, and of what may be chosen one."""
    return bool(texts) and all(re.search(ALLOWED, text.lower()) for text in texts)


def test_all_licences_are_allowed() -> None:
    found = {name: licences(one) for name, one in needed("regbench").items()}
    assert {"numpy", "tensorflow", "kedro", "pillow", "gitpython"} <= found.keys()
    wrong = {n: texts for n, texts in found.items() if n not in REASONS and not is_allowed(texts)}
    assert wrong == {}
    assert REASONS.keys() <= found.keys()


@pytest.mark.parametrize(
    ("texts", "allowed"),
    [
        (["MIT", "BSD-3-Clause"], True),
        (["MIT", "GPL-3.0-only"], False),
        (["MIT OR GPL-3.0-only"], True),
        (["MPL-2.0", "(Apache-2.0 OR MIT)"], False),
        (["GNU General Public License"], False),
        ([], False),
    ],
)
def test_a_licence_is_judged(texts: list[str], allowed: bool) -> None:
    assert is_allowed(texts) is allowed
