"""Settings that stand in a file that they are not read from."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from regbench.study.schema import Study

# The settings that catalogs read, too: they stand in ``globals.yml``.
OF_GLOBALS = frozenset({"images", "data_root", "mnist_source", "if_in_use", "if_unfit", "bundle"})
# The groups of settings: they stand in ``parameters_<anything>.yml``.
GROUPS = frozenset(Study.model_fields) - OF_GLOBALS
_SUFFIXES = (".yml", ".yaml", ".json")


def misplaced(kind: str, keys_of: Mapping[Path, Iterable[str]]) -> list[str]:
    """Return a message on every key that stands in a file of the wrong kind.

    Args:
        kind: Of the files: ``parameters`` or ``globals``.
        keys_of: By file.
    """
    wrong, where = {
        "parameters": (OF_GLOBALS, "globals.yml"),
        "globals": (GROUPS, "parameters_<anything>.yml"),
    }[kind]
    return [
        f"{file}: {key}: is not read from there; it belongs in {where} of the same folder"
        for file, keys in keys_of.items()
        for key in keys
        if key in wrong
    ]


def unread(folder: Path, patterns: Collection[str]) -> list[Path]:
    """Return the files of settings in a folder of ``conf`` that no pattern covers, sorted.

    Args:
        folder: Of an environment, such as ``conf/local``.
        patterns: Of file names, relative to the folder.
    """
    if not folder.is_dir():
        return []
    # Of pathlib's ** alone are folders, without their files.
    globs = [f"{of}/*" if of.endswith("**") else of for of in patterns]
    read = {path for pattern in globs for path in folder.glob(pattern)}
    files = {path for path in folder.rglob("*") if path.suffix in _SUFFIXES and path.is_file()}
    return sorted(path for path in files - read if not path.name.startswith("."))
