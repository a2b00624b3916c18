"""All formats of export, discovered in this folder."""

from collections.abc import Iterable
from importlib.util import find_spec

from regbench.errors import StudyError
from regbench.networks.formats.base import Format
from regbench.registry import subclasses_in

FORMATS: dict[str, type[Format]] = subclasses_in(
    __name__.rpartition(".")[0],
    Format,
    required=("title", "file", "main_file", "needs", "imports", "loads", "predicts"),
)


def check_installed(names: Iterable[str]) -> None:
    """Check that the packages of some formats can be imported.

    Args:
        names: Of formats.

    Raises:
        StudyError: A package is missing.
    """
    for name in names:
        if missing := [package for package in FORMATS[name].packages if not find_spec(package)]:
            raise StudyError(
                f"export.formats: {name} needs {' and '.join(missing)}, of the extra 'export': "
                f"`uv sync --extra export` installs it, or leave {name} out; nothing was exported"
            )
