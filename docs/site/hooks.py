"""What the site has besides ``docs``: other pages of the repository, files they name, the modules.

Links in the pages are those of the repository, so that they work there, too. The site keeps the
repository's folders below itself; pages of ``docs`` stand at the top, and so do their links.
"""

import ast
import posixpath
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
DOCS = "docs"
START = "README.md"  # the site's first page
_LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
_FOLDER = "folder:"  # a link to a folder without a page: the site has its text alone
_TO_FOLDER = re.compile(rf"\[([^\[\]]*)\]\({_FOLDER}\)")
_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from outside ``docs``, the files that any page names, and the modules' page."""
    waiting = [*_pages(), *ROOT.glob("docs/**/*.md")]
    added: set[Path] = set()
    for page in waiting:
        for target in _targets(page):
            if target.is_file() and not target.is_relative_to(ROOT / DOCS):
                added.add(target)
    for file in sorted({*added, *_pages()}):
        place = _place(file)
        files.append(File.generated(config, place, abs_src_path=str(file)))
    files.append(File.generated(config, "api.md", content=_modules_page()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return a page with its links as the site has them."""
    source = page.file.abs_src_path
    if source is None or not Path(source).is_relative_to(ROOT):
        return markdown
    folder = Path(source).parent
    here = posixpath.dirname(page.file.src_uri)

    def on_the_site(link: re.Match[str]) -> str:
        opening, address, anchor, closing = (part or "" for part in link.groups())
        if re.match(r"[a-z]+:", address):
            return link[0]
        target = (folder / address).resolve()
        if target.is_dir():
            readme = target / "README.md"
            if not readme.is_file():
                return f"{opening}{_FOLDER}{closing}"
            target = readme
        return f"{opening}{posixpath.relpath(_place(target), here or '.')}{anchor}{closing}"

    parts = _CODE.split(markdown)
    return "".join(
        part if part.startswith("```") else _TO_FOLDER.sub(r"\1", _LINK.sub(on_the_site, part))
        for part in parts
    )


def _pages() -> list[Path]:
    """Return the repository's pages outside ``docs`` that the site has."""
    found = [ROOT / name for name in (START, "CONTRIBUTING.md", "CHANGELOG.md")]
    for pattern in ("benchmarks/README.md", "benchmarks/results/*.md", "notebooks/README.md"):
        found += sorted(ROOT.glob(pattern))
    return [*found, ROOT / "data/01_raw/README.md"]


def _targets(page: Path) -> Iterator[Path]:
    """Yield the files within the repository that a page names."""
    for link in _LINK.finditer(_CODE.sub("", page.read_text("utf-8"))):
        if not re.match(r"[a-z]+:", link[2]):
            target = (page.parent / link[2]).resolve()
            if target.is_dir() and (target / "README.md").is_file():
                target /= "README.md"
            yield target


def _place(file: Path) -> str:
    """Return where the site has a file of the repository."""
    path = PurePosixPath(file.relative_to(ROOT).as_posix())
    if path == PurePosixPath(START):
        return "index.md"
    return str(path.relative_to(DOCS) if path.is_relative_to(DOCS) else path)


def _modules_page() -> str:
    """Return a page of all modules with their functions and classes, a line of each docstring."""
    lines = [
        "# API\n",
        "Every module with the functions and classes that others may use: the first line of each "
        "docstring. The rest stands in the files.\n",
    ]
    package = ROOT / "src/regbench"
    for file in sorted(package.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        said = (ast.get_docstring(tree) or "").partition("\n")[0]
        if file.name == "__init__.py":
            if said:
                lines.append(f"\n## {name.removesuffix('.__init__')}\n\n{_text(said)}\n")
            continue
        lines.append(f"\n### {name}\n\n{_text(said)}\n")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                lines.append(f"- `{node.name}`: {_text(first)}" if first else f"- `{node.name}`")
    return "\n".join(lines) + "\n"


def _text(docstring: str) -> str:
    """Return a docstring's line as Markdown."""
    code = re.sub(r"``(.+?)``", r"`\1`", docstring)
    parts = re.split(r"(`[^`]*`)", code)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<>\[\]])", r"\\\1", part) for part in parts
    )
