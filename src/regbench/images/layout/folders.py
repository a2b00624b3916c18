"""Labels from folders: a folder per class, alone or inside the folders of a given split.

Only the names of folders and the numbers of pictures in them are looked at.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from regbench.errors import StudyError, quoted
from regbench.evaluation.split_parts import SPLIT_PARTS
from regbench.images.layout.inventory import Folder, join
from regbench.images.layout.labels import counted, listed, same_label
from regbench.images.layout.table import NoLabelsError, TwoReadingsError
from regbench.images.layout.words import (
    is_no_class,
    is_unlabeled,
    numbered_alike,
    split_part_of,
    split_parts_of,
)
from regbench.study.schema import Ingest

CLASSIC_UNLABELED = "Train/Images/test"  # of the published study's set


class Place(NamedTuple):
    """What the pictures directly in a folder are.

    Attributes:
        label: Their class; empty: they have none; None: they are unlabelled on purpose.
        part: The split part that they are given to, or empty.
    """

    label: str | None
    part: str = ""


class FolderReading(NamedTuple):
    """How the folders of a set are read.

    Attributes:
        base: The folder that file names are relative to.
        places: What pictures are, by the path of their folder.
        has_split: Whether the folders give a split.
        description: What was recognised, in words.
        warnings: What a person should know, a line each.
        flat: Folders of a split part without class folders, whose labels a file has: the class of
            each of these labels.
    """

    base: str
    places: dict[str, Place]
    has_split: bool
    description: str
    warnings: tuple[str, ...]
    flat: dict[str, dict[str, str]]


def read_folders(
    tree: Folder, settings: Ingest, listed_labels: Mapping[str, set[str]] | None = None
) -> FolderReading:
    """Return how a set's folders are read.

    Args:
        tree: The folders that hold pictures.
        listed_labels: The labels that label files give to the pictures of a folder, by its path,
            if they name all of them: a part of the split without class folders has these.
        settings: ``layout`` and ``label_from`` tell what the folders are, where somebody said so;
            pictures in ``unlabeled_folder`` are unlabelled.

    Raises:
        NoLabelsError: The folders say nothing of classes.
        TwoReadingsError: They can be read in several ways.
        StudyError: They are not what the settings say, or a given split has no train part.
    """
    tree, unlabeled = without_unlabeled(tree, settings)
    base, node = descend(tree)
    if settings.label_from == "top_folder":
        reading = _class_folders(base, node, settings)
    else:
        parts = split_parts_of(list(node.below))
        plain = [name for name in node.below if name not in parts]
        if parts and (not plain or settings.layout != "class_folders"):
            reading = _split_folders(base, node, parts, settings, listed_labels or {})
        elif settings.layout == "split_folders":
            raise StudyError(
                f"ingest.layout=split_folders, but no folder{_where(base)} is named train, "
                f"val or test; its folders are {listed(sorted(node.below)) or 'none'}"
            )
        elif node.below and _parts_inside(node):
            reading = _parts_inside_classes(base, node)
        else:
            reading = _class_folders(base, node, settings)
    places = reading.places | {path: Place(None) for path, _ in unlabeled}
    return reading._replace(places=places)


def without_unlabeled(tree: Folder, settings: Ingest) -> tuple[Folder, list[tuple[str, int]]]:
    """Return the tree without the folders of unlabelled pictures, and these with their numbers.

    They are what ``unlabeled_folder`` names, there or in the only top folder; on ``auto`` those
    of the published study's set and any that is called unlabelled.
    """
    top = next(iter(tree.below)) if not tree.own and len(tree.below) == 1 else ""
    auto = settings.unlabeled_folder == "auto"
    name = CLASSIC_UNLABELED if auto else settings.unlabeled_folder.strip("/")
    inside = tuple(f"{path}/" for path in {name, join(top, name)} if name and path)

    def is_set_aside(path: str) -> bool:
        named = auto and any(is_unlabeled(part) for part in path.split("/"))
        return named or f"{path}/".startswith(inside) if inside else named

    kept: list[tuple[str, int]] = []
    aside: list[tuple[str, int]] = []
    for path, folder in tree.paths():
        (aside if is_set_aside(path) else kept).append((path, folder.own))
    if not kept:  # a class may be called 'prediction'
        return tree, []
    return (Folder.tree(kept), aside) if aside else (tree, [])


def descend(tree: Folder) -> tuple[str, Folder]:
    """Return the first folder that holds pictures, or several folders with pictures; its path."""
    path, node = "", tree
    while not node.own and len(node.below) == 1:
        [(name, node)] = node.below.items()
        path = join(path, name)
    return path, node


def _split_folders(
    base: str,
    node: Folder,
    parts: dict[str, str],
    settings: Ingest,
    listed_labels: Mapping[str, set[str]],
) -> FolderReading:
    """Read folders train, val, test with a folder per class in each, or with labels in a file."""
    plain = [name for name in node.below if name not in parts]
    if plain and settings.layout != "split_folders":
        raise TwoReadingsError(
            f"two readings of the folders {listed(sorted(node.below))}{_where(base)}: "
            f"{listed(sorted(parts))} as parts of a given split, without {listed(sorted(plain))} "
            "(ingest.layout=split_folders), or all of them as classes "
            "(ingest.layout=class_folders)"
        )
    _check_parts(base, parts)
    parts = dict(sorted(parts.items(), key=lambda item: SPLIT_PARTS.index(item[1])))
    inner = {name: _inside(node.below[name], name) for name in parts}
    labeled = {name: found for name, found in inner.items() if found[1].below}
    flat = [name for name in parts if name not in labeled]
    known = {c for name, (_, at) in labeled.items() if parts[name] == "train" for c in at.below}
    for name, (_, at) in list(labeled.items()):
        # test/unknown/1.jpg: a folder that is no class
        if parts[name] == "test" and len(at.below) == 1 < len(known) and not known & set(at.below):
            labeled.pop(name)
            flat.append(name)
    if not labeled:
        sizes = ", ".join(f"{name} ({node.below[name].total})" for name in parts)
        raise NoLabelsError(
            f"the folders {sizes} are parts of a given split, never classes, and hold no folder "
            "per class"
        )
    by_file: dict[str, dict[str, str]] = {}
    for name in flat:
        inside = [path for path, _ in node.below[name].paths(join(base, name))]
        said = {path: _classes_of(listed_labels.get(path, set()), known) for path in inside}
        by_file |= {path: each for path, each in said.items() if all(said.values())}
        flat = flat if not all(said.values()) else [other for other in flat if other != name]
    of_file = [name for name in parts if name not in flat and name not in labeled]
    found = {parts[name] for name in (*labeled, *of_file)}
    if "train" not in found:
        raise StudyError(
            f"a given split without a train part: of its folders, {listed(sorted(labeled))} "
            f"{'has' if len(labeled) == 1 else 'have'} class folders with pictures"
        )
    places: dict[str, Place] = {}
    for name in flat:
        if parts[name] != "test":
            raise StudyError(
                f"the folder {name!r}{_where(base)} holds {node.below[name].total} pictures "
                f"without a folder per class, unlike {listed(sorted(labeled))}; sort them into "
                f"class folders, or ingest.unlabeled_folder={join(base, name)} says that they "
                "are unlabelled"
            )
        places |= {path: Place(None) for path, _ in node.below[name].paths(join(base, name))}
    level = _Level(
        [
            (join(join(base, name), below), at, parts[name] if len(found) > 1 else "")
            for name, (below, at) in labeled.items()
        ]
    )
    places |= level.places(settings)
    for name in plain:
        places |= {path: Place(None) for path, _ in node.below[name].paths(join(base, name))}
    places |= {
        path: Place("", parts[name])
        for name in of_file
        for path, _ in node.below[name].paths(join(base, name))
    }
    in_parts = [name for name in parts if name not in flat]
    sizes = ", ".join(_said_part(name, parts[name], node.below[name].total) for name in in_parts)
    kind = f"given split folders {sizes}" if len(found) > 1 else f"the folder {sizes}"
    text = f"class folders inside {kind}; classes {_classes_in(places, level.nodes())}"
    return FolderReading(base, places, len(found) > 1, text, level.differences(), by_file)


def _classes_of(labels: set[str], known: set[str]) -> dict[str, str]:
    """Return the class of each label of a file; empty if one is none of the known classes."""
    classes = {label: [each for each in known if same_label(label, each)] for label in labels}
    if not all(len(each) == 1 or label in known for label, each in classes.items()):
        return {}
    return {label: label if label in known else each[0] for label, each in classes.items()}


def _check_parts(base: str, parts: dict[str, str]) -> None:
    """Raise ``TwoReadingsError`` if two folders are named for the same part."""
    for part in set(parts.values()):
        same = [name for name in parts if parts[name] == part]
        if len(same) > 1:
            raise TwoReadingsError(
                f"the folders {listed(same)}{_where(base)} are all named for the {part} part: "
                f"rename or remove all but one, or ingest.label_from=top_folder makes "
                "every top folder a class"
            )


def _parts_inside(node: Folder) -> bool:
    """Return whether every folder holds folders train, val, test and nothing else."""
    return not node.own and all(
        not each.own and each.below and len(split_parts_of(list(each.below))) == len(each.below)
        for each in node.below.values()
    )


def _parts_inside_classes(base: str, node: Folder) -> FolderReading:
    """Read class folders with folders train, val, test in each."""
    places: dict[str, Place] = {}
    sizes: Counter[str] = Counter()
    for label, inside in node.below.items():
        parts = split_parts_of(list(inside.below))
        _check_parts(join(base, label), parts)
        for name, part in parts.items():
            sizes[part] += inside.below[name].total
            path = join(join(base, label), name)
            places |= {each: Place(label, part) for each, _ in inside.below[name].paths(path)}
    if "train" not in sizes:
        raise StudyError(f"a given split without a train part: only {listed(sizes)}")
    if len(sizes) == 1:
        places = {path: Place(place.label) for path, place in places.items()}
    text = ", ".join(f"{part} ({sizes[part]})" for part in SPLIT_PARTS if sizes[part])
    classes = counted({label: inside.total for label, inside in node.below.items()})
    text = f"a given split, {text}, inside class folders{_where(base)}; classes {classes}"
    return FolderReading(base, places, len(sizes) > 1, text, (), {})


def _class_folders(base: str, node: Folder, settings: Ingest) -> FolderReading:
    """Read a folder per class."""
    literal = settings.label_from == "top_folder" or settings.layout == "class_folders"
    if len(node.below) < 2 and literal and base:  # a single class, which ingestion names
        outer, _, name = base.rpartition("/")
        base, single = outer, Folder()
        single.below[name] = node
        single.total = node.total
        node = single
    if not node.below or (len(node.below) < 2 and not literal):
        where = f"the folder {base!r}" if base else "one folder"
        raise NoLabelsError(
            f"its pictures ({node.total}) lie in {where}, not in a folder per class"
            if node.total
            else "it holds no folders with pictures"
        )
    level = _Level([(base, node, "")])
    places = level.places(settings)
    text = f"class folders{_where(base)}; classes {_classes_in(places, level.nodes())}"
    return FolderReading(base, places, False, text, (), {})


class _Level:
    """Folders at the same level, in which the class folders lie: one, or one per split part."""

    def __init__(self, where: list[tuple[str, Folder, str]]) -> None:
        """Set the path, the folder and the split part of each."""
        self._where = where

    def nodes(self) -> "Iterator[tuple[str, Folder]]":
        """Yield all folders with pictures of their own, and their paths."""
        for path, node, _ in self._where:
            yield from node.paths(path)

    def differences(self) -> tuple[str, ...]:
        """Return a line if the class folders of the split parts differ."""
        parts = [(part, set(node.below)) for _, node, part in self._where]
        every = set().union(*(names for _, names in parts))
        lacking = [
            f"{part} lacks {listed(sorted(every - names))}"
            for part, names in parts
            if every - names
        ]
        return (
            (f"the split folders differ in their classes: {'; '.join(lacking)}",) if lacking else ()
        )

    def places(self, settings: Ingest) -> dict[str, Place]:
        """Return what the pictures in each folder are.

        Raises:
            TwoReadingsError: The classes may be these folders or those in them, or a folder is
                called as no class is, and no setting decides.
        """
        by_parent = settings.label_from == "parent_folder"
        if settings.label_from == "auto" and settings.layout != "class_folders":
            self._ask_where_nested()
            self._ask_where_no_class()
        places: dict[str, Place] = {}
        for path, node, part in self._where:
            if node.own:
                places[path] = Place("", part)
            for label, folder in node.below.items():
                for inner, _ in folder.paths(join(path, label)):
                    name = inner.rpartition("/")[2] if by_parent else label
                    places[inner] = Place(name, part)
        return places

    def _ask_where_nested(self) -> None:
        nested = [
            (path, label, folder)
            for path, node, _ in self._where
            for label, folder in node.below.items()
            if not folder.own
            and not all(is_no_class(name) or name == label for name in folder.below)
        ]
        if not nested:
            return
        path, label, folder = nested[0]
        inner = next(iter(folder.below))
        tops = {name for _, node, _ in self._where for name in node.below}
        parents = {p.rpartition("/")[2] for _, label, at in nested for p, _ in at.paths(label)}
        raise TwoReadingsError(
            f"two readings of nested folders such as {join(join(path, label), inner)!r}: the upper "
            f"ones are the classes ({listed(sorted(tops))}; ingest.label_from=top_folder), or "
            f"those that hold the pictures ({listed(sorted(parents))}; "
            f"ingest.label_from=parent_folder){_same_pictures(folder, nested)}"
        )

    def _ask_where_no_class(self) -> None:
        for path, node, _ in self._where:
            alike = numbered_alike(list(node.below))
            odd = sorted(
                name
                for name in node.below
                if name in alike or is_no_class(name) or split_part_of(name)
            )
            if odd:
                raise TwoReadingsError(
                    f"two readings of the folders {listed(sorted(node.below))}{_where(path)}: "
                    "each is a class (ingest.label_from=top_folder), or "
                    f"{listed(odd)} {'is' if len(odd) == 1 else 'are'} none and the labels are "
                    "elsewhere (ingest.label_file=..., or ingest.label_pattern=... for labels in "
                    "file names)"
                )


def _same_pictures(first: Folder, nested: list[tuple[str, str, Folder]]) -> str:
    """Return what to do if all upper folders hold the same folders: color/cat, grey/cat."""
    if len(nested) < 2 or any(set(at.below) != set(first.below) for _, _, at in nested):
        return ""
    one = join(nested[0][0], nested[0][1])
    return f"; if they are versions of the same pictures, set images to one of them ({one!r})"


def _inside(folder: Folder, name: str) -> tuple[str, Folder]:
    """Return the folder in a split folder that has the class folders, and its path below it.

    train/train/cat and train/images/cat are read as train/cat.
    """
    path = ""
    while not folder.own and len(folder.below) == 1:
        [(inner, below)] = folder.below.items()
        if not (inner == name or is_no_class(inner) or split_part_of(inner)):
            break
        path, folder = join(path, inner), below
    return path, folder


def _classes_in(places: dict[str, Place], folders: "Iterator[tuple[str, Folder]]") -> str:
    counts: Counter[str] = Counter()
    for path, folder in folders:
        if label := places[path].label:
            counts[label] += folder.own
    return counted(counts)


def _said_part(name: str, part: str, count: int) -> str:
    return f"{name} ({count})" if name.casefold() == part else f"{name} -> {part} ({count})"


def _where(base: str) -> str:
    return f" in {quoted(base)}" if base else ""
