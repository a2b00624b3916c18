"""What a search found, as the configuration environment ``tuned``: four files of YAML."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import yaml

from regbench.errors import KEDRO_RUN
from regbench.metrics.registry import METRICS
from regbench.regularizers.registry import NUISANCE, REGULARIZERS
from regbench.study.schema import COCKTAIL, Study
from regbench.study.tuning import Budget
from regbench.tuning.told import how_joint

_GLOBALS = ("images", "data_root", "mnist_source", "if_in_use", "if_unfit")
_FIXED = "_fixed"


def techniques(parameters: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> str:
    """Return ``parameters_techniques.yml``: each technique tuned, and as it was.

    A tuned one keeps its name, so that all are compared with the tuned baseline. As it was it is
    ``<name>_fixed``, in the same table.

    Args:
        parameters: Of the study.
        found: From ``search.outcome``, by technique.
    """
    tuning = parameters["tuning"]
    budget = Budget.model_validate(tuning["budget"])
    seeds = ", ".join(map(str, tuning["seeds"]))
    lines = [
        f"# Written by `{parameters['command']} --pipelines=tuning`, {datetime.now(UTC):%Y-%m-%d}.",
        f"# `{KEDRO_RUN} --env=tuned` (and the same --conf-source, if there was one) compares each",
        f"# technique at its best with the baseline at its best; <name>{_FIXED} is one as it was.",
        f"# Budget: {budget.in_words}. Sampler: {tuning['sampler']}. Seeds of the trials: {seeds}.",
        "# Scores are of validation images; the test images were not loaded.",
        "techniques:",
    ]
    entries = parameters["techniques"]
    for name, entry in entries.items():
        outcome = found[name]
        best = dict(outcome["best"]["regularizers"]) if outcome["best"] else dict(entry)
        # Said in each, so that a technique that combines others does not take over theirs.
        best |= {key: dict(REGULARIZERS[key]()) for key in sorted(NUISANCE) if key not in best}
        lines += [f"  # {line}" for line in _where_from(outcome)]
        lines += _indented({name: best})
        lines += _indented({_fixed_name(name, entries): entry})
    if COCKTAIL in found and COCKTAIL not in entries:
        outcome = found[COCKTAIL]
        lines += [f"  # {line}" for line in _where_from(outcome)]
        if outcome["best"]:  # without a completed trial there is no such technique
            regularizers = outcome["best"]["regularizers"]
            default = {key: dict(REGULARIZERS[key]()) for key in sorted(NUISANCE)}
            lines += _indented({COCKTAIL: default | regularizers})
    lines += _indented(dict.fromkeys(parameters["without"]))
    return "\n".join(lines) + "\n"


def study(parameters: Mapping[str, Any]) -> str:
    """Return ``parameters_study.yml``: all settings that the techniques were tuned for."""
    others = {*_GLOBALS, "techniques", "bundle"}
    values = {name: parameters[name] for name in Study.model_fields if name not in others}
    entries = parameters["techniques"]
    fixed = {name: _fixed_name(name, entries) for name in entries}
    values["tuning"] = {**values["tuning"], "fixed": fixed}
    values["reporting"] = {**values["reporting"], "failed": []}  # of one run
    protocol = dict(values["protocol"])
    if looks := protocol.pop("looks", None):
        protocol["seeds"] = {"looks": looks}
    values["protocol"] = protocol
    head = "# The study that the techniques were tuned for; written with them."
    return f"{head}\n{_yaml(values)}"


def global_settings(parameters: Mapping[str, Any]) -> str:
    """Return ``globals.yml``: the same images; results in a folder of their own."""
    values = {name: parameters[name] for name in _GLOBALS}
    values["data_root"] = f"{str(values['data_root']).rstrip('/')}/tuned"
    head = "# The images that the techniques were tuned on, and where the comparison goes."
    return f"{head}\n{_yaml(values)}"


def catalog(parameters: Mapping[str, Any]) -> str:
    """Return ``catalog_tuned.yml``: where the search's trials are, for the report's picture."""
    root = str(parameters["data_root"]).rstrip("/")
    entry = {
        "type": "regbench.datasets.optional.OptionalJSONDataset",
        "filepath": f"{root}/08_reporting/tuning/tuning.json",
    }
    head = "# What the search found, for the report of the comparison."
    return f"{head}\n{_yaml({'search_found': entry})}"


def _where_from(outcome: Mapping[str, Any]) -> list[str]:
    """Return what is to be known of a technique's search, in lines."""
    states = Counter(trial["state"] for trial in outcome["trials"])
    made = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    trials = f"{len(outcome['trials'])} trials ({made}), {outcome['epochs']} epochs"
    reasons = dict.fromkeys(
        of["reason"] for of in (*outcome["trials"], outcome) if of.get("reason")
    )
    failures = [f"failed: {reason}" for reason in reasons]
    if outcome["best"] is None:
        return [f"as it was: no trial of {len(outcome['trials'])} was completed", *failures]
    title = METRICS[outcome["metric"]].title
    own = outcome["own_score"]
    was = "" if own is None else f", as it was {own:.4f}"
    score = f"validation {title} {outcome['best']['score']:.4f}{was}"
    joint = [how_joint(outcome)] if "candidates" in outcome else []
    return [f"{score}; {trials}", *joint, f"study {outcome['study']!r}", *failures]


def _fixed_name(name: str, taken: Mapping[str, Any]) -> str:
    fixed = name + _FIXED
    while fixed in taken:
        fixed += _FIXED
    return fixed


def _indented(values: Mapping[str, Any]) -> list[str]:
    return [f"  {line}" for line in _yaml(values).splitlines()] if values else []


def _yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)
    return text
