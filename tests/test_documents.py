"""The documents: every link within the project leads somewhere."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
SITE = (PROJECT / "mkdocs.yml").read_text("utf-8")
DOCUMENTS = [
    *sorted(PROJECT.glob("*.md")),
    *sorted(PROJECT.glob("docs/**/*.md")),
    *sorted(PROJECT.glob("*/README.md")),
    *sorted(PROJECT.glob("data/*/README.md")),
    *sorted(PROJECT.glob("benchmarks/results/*.md")),
]


def without_code(document: Path) -> str:
    return re.sub(r"^```.*?^```", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(document: Path) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_code(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", without_code(document)):
        if re.match(r"[a-z]+:", link):
            continue  # the web's are not asked
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_site_has_every_page() -> None:
    named = set(re.findall(r"^ +- (?:[\w ]+: )?(\S+\.md)$", SITE, flags=re.MULTILINE))
    pages = {path.relative_to(PROJECT / "docs").as_posix() for path in PROJECT.glob("docs/**/*.md")}
    assert pages <= named, "a page of docs takes a line in mkdocs.yml"
