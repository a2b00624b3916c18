"""The checks of a bundle: against itself, and against this checkout."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypedDict

import pandas as pd
from pydantic import ValidationError

from regbench.bundle.contents import Bundle, Contents, Described, Row, Value
from regbench.bundle.make import results_of, rows_of, split_index_of
from regbench.comparison.compare import compare, of_largest_class
from regbench.errors import quoted
from regbench.evaluation.resampling import resampling_of
from regbench.evaluation.results import TRAINED, Results
from regbench.evaluation.split_parts import judged_part
from regbench.metrics.base import Answers
from regbench.metrics.registry import METRICS
from regbench.study.code import LIBRARIES
from regbench.study.fingerprints import COMPONENTS
from regbench.study.reporting import Reporting
from regbench.study.schema import Protocol

Result = Literal["agrees", "differs", "not checked"]
AGREES: Result = "agrees"
DIFFERS: Result = "differs"
NOT_CHECKED: Result = "not checked"
_DIGEST = re.compile(r"[0-9a-f]{16}")
_MOST_SHOWN = 20  # differences of one check
_ROUNDING = 1e-9  # relative: of sums in another order
_FLOAT32 = 1e-4  # relative: of figures from probabilities that are stored as float32


class Check(TypedDict):
    """What was checked, what came of it, and a line for each difference or remark."""

    what: str
    result: Result
    lines: list[str]


def found(what: str, differences: Sequence[str], remark: str = "") -> Check:
    """Return a check: it differs if there is any difference."""
    lines = list(differences[:_MOST_SHOWN])
    if len(differences) > _MOST_SHOWN:
        lines.append(f"and {len(differences) - _MOST_SHOWN:,} more")
    if not lines and remark:
        lines = [remark]
    return {"what": what, "result": DIFFERS if differences else AGREES, "lines": lines}


def not_checked(what: str, why: str) -> Check:
    """Return a check that could not be made."""
    return {"what": what, "result": NOT_CHECKED, "lines": [why]}


def against_itself(bundle: Bundle) -> list[Check]:
    """Return the checks that need nothing but the bundle: what it states follows from its results.

    A failed training's own figures, those of train images, and durations rest on the bundle's
    word; training again is what checks them.
    """
    contents = bundle.contents
    changed = [f"{name}: not the content that the manifest names" for name in bundle.changed]
    checks = [found("the file is as it was written", changed, f"SHA-256 {bundle.digest}")]
    try:
        results = results_of(bundle)
        figures, differences = figures_of_answers(contents, results)
        checks.append(
            found("figures of each training, from its answers", differences, f"{figures:,} figures")
        )
        stated, differences = verdicts_of_results(contents, results)
        checks.append(
            found("verdicts and table, from the trainings", differences, f"{stated:,} figures")
        )
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        checks.append(found("verdicts and table, from the trainings", [f"{where}: {first['msg']}"]))
    except Exception as error:  # whatever tables of somebody else's make of our statistics
        words = " ".join(str(error).split())[:200]
        checks.append(
            found(
                "verdicts and table, from the trainings",
                [f"cannot be computed from them: {type(error).__name__}: {words}"],
            )
        )
    return checks


def figures_of_answers(contents: Contents, results: Mapping[str, Results]) -> tuple[int, list[str]]:
    """Return how many figures were computed again from answers, and the differences."""
    class_of = pd.Index(contents.classes)
    number, differences = 0, []
    for arm, of in results.items():
        for row in of.trainings.to_dict("records"):
            if row["status"] != TRAINED:
                continue
            own = of.predictions[of.predictions["seed"] == row["seed"]]
            for part in ("validation", "test"):
                judged = own[own["split"] == part]
                answers = Answers(
                    class_of.get_indexer(judged["label"]),
                    class_of.get_indexer(judged["predicted"]),
                    judged["label_probability"].to_numpy(dtype=float),
                    len(class_of),
                )
                for name, metric in METRICS.items():
                    stated = row.get(f"{part}_{name}")
                    if stated is None or pd.isna(stated):
                        continue
                    number += 1
                    again = metric.of(answers)
                    if not math.isclose(stated, again, rel_tol=_FLOAT32, abs_tol=1e-7):
                        differences.append(
                            f"{arm} seed {row['seed']}: {part}_{name} {stated:.6g} is stated, "
                            f"{again:.6g} follows"
                        )
    return number, differences


def comparison_of(contents: Contents, results: Mapping[str, Results]) -> pd.DataFrame:
    """Return the comparison that follows from a bundle's results and settings."""
    reporting = Reporting.model_validate({**contents.settings["reporting"], "failed": []})
    protocol = Protocol.model_validate(contents.settings["protocol"])
    index = split_index_of(contents)
    part = judged_part(set(index["split"]))
    return compare(
        results,
        contents.stale,
        reporting.band,
        {name: said.accuracy for name, said in reporting.published.items()},
        seeds=len(protocol.seeds),
        died=contents.failed,
        metric=reporting.metric,
        largest_class=of_largest_class(index, part, reporting.metric),
        resampling=resampling_of(index),
        looks=protocol.looks or (),
    )


def verdicts_of_results(
    contents: Contents, results: Mapping[str, Results]
) -> tuple[int, list[str]]:
    """Return how many values the comparison has, and those that do not follow from the results."""
    again = rows_of(comparison_of(contents, results))
    stated = contents.comparison
    if [_name(row) for row in again] != [_name(row) for row in stated]:
        return len(again), ["the table has other techniques, or another order, than follows"]
    differences = [
        f"{_name(one)}: {key} {_shown(one.get(key))} is stated, {_shown(other.get(key))} follows"
        for one, other in zip(stated, again, strict=True)
        for key in sorted(one.keys() | other.keys())
        if not _same(one.get(key), other.get(key))
    ]
    return sum(len(row) for row in again), differences


def against_here(bundle: Bundle, here: Described) -> list[Check]:
    """Return the checks of this checkout: settings, images, code and software are the bundle's."""
    contents = bundle.contents
    settings = [
        f"{key}: {_shown(one)} in the bundle, {_shown(other)} here"
        for key, one, other in differing(contents.settings, here.settings)
    ]
    checks = [found("settings", settings)]
    if contents.classes != here.classes:
        words = f"{_shown(contents.classes)} in the bundle, {_shown(here.classes)} here"
        checks.append(found("classes", [words]))
    arms = [arm for arm in contents.fingerprints if arm in here.fingerprints]
    of_images = {component: COMPONENTS[component] for component in ("data", "split")}
    for component, what in of_images.items():
        checks.append(found(what, _digests(contents, here, component, arms[:1])))
    others = [
        line
        for component in ("protocol", "technique")
        for line in _digests(contents, here, component, arms)
    ]
    checks.append(found("digests of protocol and techniques", others))
    checks += [_code(contents, here, arms), _software(contents, here), _recorded(contents)]
    return checks


def _code(contents: Contents, here: Described, arms: Sequence[str]) -> Check:
    """Return the check of RegBench's code; digests of it count the libraries' versions, too."""
    what = "code that trains and evaluates"
    if contents.source == here.source:
        return found(what, [], "every file of RegBench is the same")
    if any(contents.software.get(name) != here.software.get(name) for name in LIBRARIES):
        return not_checked(what, "other files of RegBench, and other libraries: see software")
    lines = [
        line
        for component in ("training", "evaluation")
        for line in _digests(contents, here, component, arms)
    ]
    return found(what, lines, "other files of RegBench, but none that results depend on")


def _software(contents: Contents, here: Described) -> Check:
    """Return what is installed here in other versions; that alone is no fault."""
    lines = [
        f"{name}: {contents.software.get(name, 'none')} in the bundle, {found_here} here"
        for name, found_here in here.software.items()
        if contents.software.get(name) != found_here
    ]
    if lines:
        return {"what": "software and processor", "result": NOT_CHECKED, "lines": lines}
    return found("software and processor", [])


def _recorded(contents: Contents) -> Check:
    """Return whether each training was made from what the bundle says the study is."""
    lines = [
        f"{arm} seed {row['seed']}: {words} of the training differ from the bundle's"
        for arm, rows in contents.trainings.items()
        for row in rows
        for component, words in COMPONENTS.items()
        if row.get(f"fingerprint_{component}") != contents.fingerprints[arm].get(component)
    ]
    return found("each training is of this study", lines)


def _digests(contents: Contents, here: Described, component: str, arms: Sequence[str]) -> list[str]:
    lines = []
    for arm in arms:
        one, other = (of.fingerprints[arm].get(component) for of in (contents, here))
        if one != other:
            named = "" if component in {"data", "split"} else f"{arm}: {component}: "
            lines.append(f"{named}{_shown(one)} in the bundle, {_shown(other)} here")
    return lines


def differing(one: Any, other: Any, key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the settings in which two mappings differ: key joined by dots, one's, other's.

    What one of them lacks is None.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for name in [*one, *(name for name in other if name not in one)]:
            below = f"{key}.{name}" if key else str(name)
            yield from differing(one.get(name), other.get(name), below)
    elif not _same(one, other):
        yield key, one, other


def _name(row: Row) -> str:
    return ".".join(str(row[key]) for key in ("technique", "network") if row.get(key))


def _same(one: Value, other: Value) -> bool:
    numbers = (int, float)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, numbers) and isinstance(other, numbers):
        try:
            return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=1e-12)
        except OverflowError:  # a whole number beyond floats
            return one == other
    return one == other


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    is_digest = isinstance(value, str) and _DIGEST.fullmatch(value)
    return value if is_digest else quoted(value)
