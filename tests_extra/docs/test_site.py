"""The documentation as a site: it builds, links and anchors lead somewhere, nothing is fetched."""

import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("mkdocs", reason="needs the extra docs: uv run --extra docs pytest")

PROJECT = Path(__file__).parents[2]


class Elements(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if "src" in given:
            self.loaded.append(given["src"])
        if tag == "link" and given.get("rel") != "canonical":
            self.loaded.append(given.get("href", ""))


def build(site: Path, project: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    command = ["mkdocs", "build", "--strict", "--site-dir", str(site)]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    run = build(made)
    assert run.returncode == 0, run.stderr
    return made


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Elements]:
    return {
        path: Elements(path.read_text("utf-8"))
        for path in site.rglob("*.html")
        if path.name not in {"404.html", "report.html"}  # reports are files of their own
    }


def internal(elements: Elements) -> Iterator[tuple[str, str, str]]:
    for link in elements.links:
        parts = urlsplit(link)
        if not parts.scheme and not parts.netloc:
            yield link, unquote(parts.path), unquote(parts.fragment)


def test_every_link_and_anchor_leads_somewhere(pages: dict[Path, Elements]) -> None:
    followed = 0
    for page, elements in pages.items():
        for link, path, anchor in internal(elements):
            target = (page.parent / path).resolve() if path else page
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), f"{page}: {link}"
            if anchor and target in pages:
                assert anchor in pages[target].ids, f"{page}: {link}"
            followed += 1
    assert followed > 1000


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Elements]) -> None:
    for page, elements in pages.items():
        outside = [address for address in elements.loaded if urlsplit(address).netloc]
        assert not outside, page


def test_it_has_what_a_reader_looks_for(site: Path) -> None:
    start = (site / "index.html").read_text("utf-8")
    for title in ("Your images", "Your network", "Regularizers", "Reading the report", "Glossary"):
        assert title in start
    assert "protocol.epochs" in (site / "settings.html").read_text("utf-8")
    assert "regbench.comparison.compare" in (site / "api.html").read_text("utf-8")


def test_a_dead_anchor_stops_the_build(tmp_path: Path) -> None:
    for name in ("docs", "conf", "src", "benchmarks", "notebooks", "schedule"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    (tmp_path / "data").mkdir()
    shutil.copytree(PROJECT / "data/01_raw", tmp_path / "data/01_raw")
    shutil.copytree(PROJECT / "tests", tmp_path / "tests")
    for path in (*PROJECT.glob("*.md"), PROJECT / "mkdocs.yml", PROJECT / "LICENSE"):
        shutil.copy(path, tmp_path)
    with (tmp_path / "docs/glossary.md").open("a", encoding="utf-8") as glossary:
        glossary.write("\n[nowhere](results.md#nowhere)\n")
    run = build(tmp_path / "made", tmp_path)
    assert run.returncode != 0
    assert "#nowhere" in run.stderr
