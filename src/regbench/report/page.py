"""The report as one HTML page that loads nothing else."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from regbench.comparison import compare, tables
from regbench.errors import KEDRO_RUN
from regbench.evaluation.figures.base import ACCURACY, POINTS
from regbench.evaluation.resampling import seeds_of
from regbench.evaluation.results import Results
from regbench.evaluation.split_parts import judged_part
from regbench.report import (
    across_networks,
    ailing,
    answer,
    claims,
    families,
    figure_tables,
    first_screen,
    images_of_study,
    legend,
    line_breaks,
    numbers,
    recommended,
    scope,
    sentences,
    status_notes,
    svg,
)
from regbench.report.contact_sheet import contact_sheet
from regbench.report.facts import (
    FACTS_OF_A_NETWORK,
    key_facts,
    statistics_cited,
    verdict_meanings,
)
from regbench.report.findings import findings_shown
from regbench.report.html_table import has_figures, techniques_table
from regbench.report.image_browser import image_browser
from regbench.report.interactions import interactions_shown
from regbench.report.outcome import outcome_of
from regbench.report.plots import cost as plots_cost
from regbench.report.tuned import tuned_shown
from regbench.study.schema import BASELINE
from regbench.text.visible import visible

MOST_REJECTED = 200  # rejected images listed by name; the rest is counted
MOST_SHOWN = 18  # images on a contact sheet

_PARTS = ("report", "browser")  # the files of the page's script, and of its style sheet


class _ShortLists(yaml.SafeDumper):
    """Writes lists in one line: ``[28, 28]``."""

    def represent_sequence(self, *args: Any, **kwargs: Any) -> yaml.SequenceNode:
        kwargs["flow_style"] = True
        return super().represent_sequence(*args, **kwargs)


@dataclass(frozen=True)
class ReportContent:
    """The content of a report.

    Attributes:
        comparison: From ``compare``; its order is the order of techniques.
        results: The trainings that are up to date, by technique.
        classes: The class labels.
        images: N x H x W x C, uint8; may be memory-mapped.
        split_index: A row per image, in their order: filename, label, target, split, digest.
        rejected: A row per rejected image: filename, reason.
        settings: The study's settings, plain values.
        provenance: Data fingerprint, versions, machine and date, by name.
        notes: Notes above the figures, such as on stale results, a line each.
        claims: A row per published claim beside the study's figures; None for no such section.
        alarms: Messages of the run's alarms, a line each.
        findings: The doctor's, from ``examine``, the most important first.
        duplicates: A row per image with (nearly) equal pixels; None if they were not looked for.
        command: The study's ``kedro run`` command, for the next step.
        grad_cam: Where networks look in some images: ``rows`` of the split index, and by technique
            ``<name>.maps``, ``<name>.answers`` and ``<name>.seed``; None without feature maps.
        interactions: A row per pair of techniques that a third combines; None without such.
        recommendation: From ``recommendation.conclude``, of this study; None without one.
        search_found: From ``tuning.search.outcome``, by technique, of the search that wrote the
            study; None of any other study, or if its file is gone.
    """

    comparison: pd.DataFrame
    results: Mapping[str, Results]
    classes: list[str]
    images: np.ndarray
    split_index: pd.DataFrame
    rejected: pd.DataFrame
    settings: Mapping[str, Any]
    provenance: Mapping[str, str]
    notes: list[str]
    claims: pd.DataFrame | None
    alarms: Sequence[str] = ()
    findings: Sequence[Mapping[str, Any]] = ()
    duplicates: pd.DataFrame | None = None
    command: str = KEDRO_RUN
    grad_cam: Mapping[str, np.ndarray] | None = None
    interactions: pd.DataFrame | None = None
    recommendation: Mapping[str, Any] | None = None
    search_found: Mapping[str, Any] | None = None


def render_report(content: ReportContent) -> str:
    """Return the report as one HTML page.

    A section without figures says in one line what is missing.

    Returns:
        HTML, without references to anything outside the page.
    """
    environment = page_environment("regbench.report")
    environment.filters |= {
        "percent": partial(numbers.in_unit, unit=ACCURACY),
        "points": partial(numbers.in_unit, unit=POINTS),
        "difference": lambda claim, figure: (
            numbers.MISSING if pd.isna(claim[figure]) else numbers.difference_text(claim, figure)
        ),
        "yes_or_no": _yes_or_no,
        "in_words": line_breaks.in_words,
        "with_commands": line_breaks.with_commands,
        "yaml": _yaml,
    }
    by_network = across_networks.contents_by_network(content)
    context = (
        _context_of_networks(content, by_network, environment) if by_network else _context(content)
    )
    context["browser"] = image_browser(content)
    if found := content.recommendation:
        context["recommendation_lines"] = [*recommended.steps(found), *recommended.remarks(found)]
        context["recommendation_entry"] = recommended.entry_alone(found)
    page = environment.get_template("report.html.j2").render(context)
    # A file name may be no valid text, and a label may hold control characters.
    return visible(page.encode(errors="replace").decode())


def page_environment(package: str) -> Environment:
    """Return a Jinja environment that escapes values and fails on undefined names.

    Args:
        package: The package whose folder ``templates`` has the templates.
    """
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = line_breaks.breakable
    return environment


def _context_of_networks(
    content: ReportContent, by_network: Mapping[str, ReportContent], environment: Environment
) -> dict[str, Any]:
    """Return the values that the templates name, of a study of several networks."""
    networks = list(by_network)
    contexts = {
        network: _context(own) | {"networks": networks} for network, own in by_network.items()
    }
    comparison = content.comparison

    def section_of(network: str, section: str) -> Markup:
        template = environment.get_template(f"_{section}.html.j2")
        rendered = Markup(template.render(contexts[network]))  # noqa: S704 - escapes values
        if section == "techniques":
            said = "{verdict} {scope}".format(**contexts[network]).strip()
            rendered = Markup("<p>{}</p>\n").format(said) + rendered
        return across_networks.with_own_ids(rendered, network)

    facts = [
        (f"{name}, {network}", figure, remark)
        for network, own in contexts.items()
        for name, figure, remark in own["facts"]
        if name in FACTS_OF_A_NETWORK
    ]
    part = judged_part(comparison)
    # Of a network without trainings it is not known what is judged.
    shared = next((own for own in contexts.values() if own["part"] == part), contexts[networks[0]])
    others = key_facts(comparison, part)
    facts += [fact for fact in others if fact[0] not in FACTS_OF_A_NETWORK]
    return shared | {
        "content": content,
        "settings": across_networks.settings_with_networks(content.settings, comparison),
        "verdict": across_networks.short_sentence_on_networks(comparison),
        "on_networks": across_networks.sentence_on_networks(comparison),
        "answers": first_screen.answers_on_networks(
            {name: own["answers"] for name, own in contexts.items()}
        ),
        "scope": "",  # said of each network
        "facts": facts,
        "statistics": statistics_cited(comparison),
        "section_of": section_of,
        "network_picture": svg.network_picture(comparison)
        if has_figures(comparison, "difference")
        else None,
    }


def _context(content: ReportContent) -> dict[str, Any]:
    """Return the values that the templates name."""
    comparison = content.comparison
    part = judged_part(comparison)
    ordered = {name: content.results.get(name, Results.none()) for name in comparison["technique"]}
    trained = tables.finished(ordered)
    curves = tables.pruning_curves(trained)
    corrupted = tables.corruption_table(trained)
    scored = int((content.split_index["split"] == part).sum())
    corrupted_most = content.settings.get("evaluation", {}).get("robustness_images", scored)
    metric = compare.metric_of(comparison)
    answered = first_screen.after_the_doctor(
        first_screen.answers(
            comparison,
            content.command,
            content.settings,
            curves if len(curves) else None,
            {name: compare.best_seed(of_one, metric.name) for name, of_one in trained.items()},
            {str(name): n for name, n in content.split_index["split"].value_counts().items()},
        ),
        content.findings,
        comparison,
    )
    ails = ailing.ails_badly(outcome_of(comparison), content.findings)
    script, style = (
        Markup("").join(template_text("regbench.report", f"{name}.{kind}") for name in _PARTS)
        for kind in ("js", "css")
    )
    return {
        "script": script,
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "style": style,
        "content": content,
        "findings": findings_shown(
            first_screen.beside_the_answers(content.findings, answered, comparison),
            content.images,
            content.split_index,
        ),
        "networks": [],  # where there are several
        "settings": content.settings,
        "part": part,
        "headline": f"{part} {metric.title}",
        "metric": metric,
        "verdict": answer.verdict_sentence(comparison, content.findings),
        "answers": answered,
        "scope": "" if ails else scope.scope_sentence(comparison),
        "scope_paragraph": scope.scope_paragraph(comparison),
        "facts": key_facts(comparison, part),
        "split": sentences.split_text(
            content.settings.get("protocol", {}).get("split"), content.split_index
        ),
        "training": sentences.training_text(content.settings),
        "scored": scored,
        "judged_images": scope.judged_images(scored, comparison),
        "varies": scope.varies(comparison),
        "resampled": bool(seeds_of(content.split_index)),
        "corrupted": min(scored, int(corrupted_most)),
        "table": techniques_table(comparison, part, families.families_of(content.settings)),
        "train_untrained": status_notes.untrained_note(comparison, content.command),
        "network": legend.network_used(content.settings),
        "regularizers": legend.regularizers_used(content.settings),
        "statistics": statistics_cited(comparison),
        "verdicts": verdict_meanings(comparison),
        "tuned": tuned_shown(content.results, content.settings, content.search_found),
        "differences": svg.difference_picture(comparison, trained)
        if has_figures(comparison, "difference")
        else None,
        **interactions_shown(content.interactions, comparison.attrs.get("band", 0.0)),
        "cost": svg.cost_picture(comparison) if plots_cost.costs(comparison) else None,
        "learning": svg.learning_pictures(trained),
        "gap": svg.gap_picture(comparison)
        if has_figures(comparison, "train_accuracy") and has_figures(comparison, f"{part}_accuracy")
        else None,
        "pruning": svg.pruning_picture(trained) if len(curves) else None,
        "pruning_table": figure_tables.percentages(
            curves.rename(columns=lambda s: f"{100 * s:g} % removed")
        ),
        "corruption": svg.corruption_picture(trained) if len(corrupted) else None,
        "corruption_table": figure_tables.percentages(corrupted),
        "further": figure_tables.further_figures(trained, part),
        "reliability": svg.reliability_pictures(comparison, trained),
        **_baseline_and_best(content, trained, part),
        "claims": None if content.claims is None else claims.claims_shown(content.claims),
        "claims_sentence": claims.claims_sentence(content.claims),
        "duplicates": images_of_study.duplicates_found(content.duplicates),
        "counts": images_of_study.images_by_class(content.split_index, content.classes),
        "rejected": content.rejected.head(MOST_REJECTED).to_dict("records"),
    }


def template_text(package: str, name: str) -> Markup:
    """Return a package's style sheet or script, to be put into a page unescaped."""
    text = files(package).joinpath("templates", name).read_text("utf-8")
    return Markup(text)  # noqa: S704 - our own


def _baseline_and_best(
    content: ReportContent, trained: Mapping[str, Results], part: str
) -> dict[str, Any]:
    """Return confusion, recall and disagreements of the baseline and the best technique.

    The best is the technique that is best on validation besides the baseline.
    """
    best_besides_baseline = tables.best_besides_baseline(content.comparison, trained)
    names = [
        name for name in (BASELINE, best_besides_baseline) if name is not None and name in trained
    ]
    matrices = {
        name: tables.confusion_matrix(trained[name], part, content.classes) for name in names
    }
    sheets = []
    if len(names) == 2 and not scope.varies(content.comparison):
        for wrong, right in (names, names[::-1]):
            images = tables.disagreements(trained[wrong], trained[right], part)
            shown = contact_sheet(content, images.head(MOST_SHOWN), wrong, right)
            sheets.append({"wrong": wrong, "right": right, "count": len(images), "images": shown})
    return {
        "pair": names,
        "confusion": svg.confusion_pictures(matrices, content.classes),
        "recalls": _recalls(matrices, trained, part, content.classes),
        "sheets": sheets,
    }


def _recalls(
    matrices: Mapping[str, np.ndarray],
    trained: Mapping[str, Results],
    part: str,
    classes: Sequence[str],
) -> list[dict[str, Any]]:
    """Return a row per class: number of images, recall of each technique, and their difference.

    Args:
        matrices: Confusion matrices by technique, each K x K.
        trained: The trainings by technique.
        part: The judged part.
        classes: The K labels.
    """
    if not matrices:
        return []
    first = next(iter(matrices))
    trainings = trained[first].predictions["seed"].nunique()
    images = matrices[first].sum(axis=1) // trainings
    recalls = [tables.recalls(trained[name], part, classes) for name in matrices]
    if len(recalls) == 2:
        recalls.append(recalls[1] - recalls[0])
    return [
        {"label": label, "images": int(images[row]), "recalls": [recall[row] for recall in recalls]}
        for row, label in enumerate(classes)
    ]


def _yes_or_no(answer: Any) -> str:
    """Return a truth value as 'yes', 'no' or, if it is missing, '–'."""
    return numbers.MISSING if pd.isna(answer) else "yes" if answer else "no"


def _yaml(value: Any) -> str:
    """Return a setting as YAML, lists in one line."""
    plain = yaml.dump(value, Dumper=_ShortLists, sort_keys=False, allow_unicode=True, width=60)
    return str(plain).removesuffix("...\n")
