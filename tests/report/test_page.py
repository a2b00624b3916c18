"""The report: all that is promised is on the page, and nothing on it comes from outside."""

import base64
import hashlib
import io
import itertools
import re
import subprocess
import sys
import warnings
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image
from sklearn.metrics import recall_score

from regbench.evaluation.results import Results
from regbench.images.duplicates import find_duplicates
from regbench.report import svg as pictures
from regbench.report.images_of_study import images_by_class
from regbench.report.page import ReportContent, render_report
from regbench.report.plots import style as drawing

HOSTILE = "<script>alert('x')</script>&\"$x_1$"
CLASSES = ["ant", "bee", HOSTILE]
FILES = [f"{place}{HOSTILE}.png" for place in range(40)]
TECHNIQUES = ["baseline", "dropout", "l1"]
SECTIONS = {
    "techniques": "All techniques",
    "differences": "Differences to the baseline",
    "cost": "Accuracy against cost",
    "learning": "Learning curves",
    "gap": "Generalization gap",
    "pruning": "Pruning",
    "robustness": "Robustness",
    "calibration": "Calibration",
    "counts": "Images by class",
    "classes": "Classes",
    "images": "Images they differ on",
    "browser": "Look inside",
    "method": "How this was compared",
    "settings": "Settings",
    "provenance": "Provenance",
    "rejected": "Rejected images",
}


def a_results(technique: str, part: str = "test", seeds: int = 3) -> Results:
    """Random answers: of ``dropout`` nine of ten are right, of the others six."""
    random = np.random.default_rng(sum(technique.encode()))
    labels = np.resize(CLASSES, len(FILES)).astype(object)
    trainings, answers, epochs, measured = [], [], [], []
    for seed in range(1, seeds + 1):
        for of in dict.fromkeys(("validation", part)):
            right = random.random(len(FILES)) < (0.9 if technique == "dropout" else 0.6)
            said = {
                "seed": seed,
                "filename": FILES,
                "split": of,
                "label": labels,
                "predicted": np.where(right, labels, np.roll(labels, 1)),
                "confidence": random.uniform(0.4, 1, len(FILES)).astype(np.float32),
            }
            answers.append(pd.DataFrame(said))
        trainings.append({"seed": seed, "status": "trained", f"{part}_accuracy": right.mean()})
        figures = {"train_accuracy": [0.5, 0.8], "validation_accuracy": [0.4, 0.7]}
        epochs.append(pd.DataFrame({"seed": seed, "epoch": [1, 2], **figures}))
        for measure, settings in (
            ("accuracy_after_pruning", ["0.5", "0.95"]),
            ("accuracy_under_corruption", ["shot_noise", "blur"]),
        ):
            measured += [(seed, measure, setting, random.random()) for setting in settings]
    return Results(
        pd.DataFrame(trainings),
        pd.concat(epochs, ignore_index=True),
        pd.concat(answers, ignore_index=True),
        pd.DataFrame(measured, columns=["seed", "measure", "setting", "value"]),
    )


def a_comparison(part: str = "test") -> pd.DataFrame:
    shared = {
        "status": "trained",
        "trainings": 3,
        "failed_trainings": 0,
        "generalization_gap": 0.25,
    }
    judged = {"verdict": "undecided", "p_adjusted": 0.25, "detectable_difference": 0.03}
    compared = pd.DataFrame(
        [
            {"technique": "dropout", "difference": 0.3, **shared, **judged, "verdict": "better"},
            {"technique": "baseline", **shared},
            {"technique": "l1", "difference": -0.01, **shared, **judged},
            {"technique": "zca", "status": "not trained", "trainings": 0, "failed_trainings": 0},
        ]
    )
    trained = compared["status"] == "trained"
    compared["validation_accuracy"] = (0.6 + compared["difference"].fillna(0)).where(trained)
    compared[f"{part}_accuracy"] = compared["validation_accuracy"]
    compared[f"{part}_accuracy_sd"] = np.where(trained, 0.0123, np.nan)
    compared["train_accuracy"] = np.where(trained, 0.95, np.nan)
    compared["expected_calibration_error"] = [0.05, 0.1, 0.125, np.nan]
    compared["difference_low"] = compared["difference"] - 0.02
    compared["difference_high"] = compared["difference"] + 0.02
    compared.attrs = {"band": 0.001, "detectable_difference": 0.03, "seeds": 3}
    return compared


def a_report(part: str = "test", **changes: Any) -> ReportContent:
    labels = np.resize(CLASSES, len(FILES)).astype(object)
    content = ReportContent(
        comparison=a_comparison(part),
        results={name: a_results(name, part) for name in TECHNIQUES} | {"zca": Results.none()},
        classes=CLASSES,
        images=np.random.default_rng(0).integers(0, 256, (len(FILES), 7, 5, 3), dtype=np.uint8),
        split_index=pd.DataFrame({"filename": FILES, "label": labels, "split": part}),
        rejected=pd.DataFrame({"filename": [HOSTILE], "reason": ["broken"]}),
        settings={"protocol": {"seeds": [1, 2, 3]}, "images": HOSTILE, "evaluation": {}},
        provenance={"data fingerprint": "sha256:abc"},
        notes=["zca is not trained; uv run kedro run --pipelines=zca,reporting trains it"],
        claims=None,
    )
    return replace(content, **changes)


def nothing_trained() -> ReportContent:
    untrained = {
        "technique": TECHNIQUES,
        "status": "not trained",
        "trainings": 0,
        "failed_trainings": 0,
    }
    return a_report(
        comparison=pd.DataFrame(untrained),
        results={name: Results.none() for name in TECHNIQUES},
        rejected=pd.DataFrame(columns=["filename", "reason"]),
        settings={},
        provenance={},
        notes=[],
    )


class Page(HTMLParser):
    """A page's elements in order: tag, attributes and the text inside."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.html = html
        self.elements: list[tuple[str, dict[str, str], list[str]]] = []
        self._open: list[tuple[str, dict[str, str], list[str]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        text: list[str] = []
        element = (tag, {name: value or "" for name, value in attrs}, text)
        self.elements.append(element)
        if tag not in {"meta", "link", "img", "br", "col", "wbr", "input"}:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}, []))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element[2].append(data)

    def all(self, tag: str) -> list[tuple[dict[str, str], str]]:
        return [
            (attrs, "".join(text).strip()) for name, attrs, text in self.elements if name == tag
        ]

    def attributes(self, *names: str) -> list[str]:
        return [attrs[name] for _, attrs, _ in self.elements for name in names if name in attrs]

    def rows(self, table: int) -> list[list[str]]:
        """The text of a table's cells."""
        starts = [place for place, (tag, _, _) in enumerate(self.elements) if tag == "table"]
        found: list[list[str]] = []
        for tag, _, text in self.elements[starts[table] : [*starts, None][table + 1]]:
            if tag == "tr":
                found.append([])
            elif tag in {"th", "td"}:
                found[-1].append(" ".join("".join(text).split()))
        return found


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_report(a_report()))


@pytest.fixture(scope="module")
def empty() -> Page:
    return Page(render_report(nothing_trained()))


class TestOutline:
    def test_has_every_section_in_order_and_a_way_to_it(self, page: Page) -> None:
        headings = [(attrs["id"], text) for attrs, text in page.all("h2")]
        assert headings == list(SECTIONS.items())
        links = [attrs["href"] for attrs, text in page.all("a") if text in SECTIONS.values()]
        assert links == [f"#{name}" for name in SECTIONS]

    def test_never_skips_a_level_of_headings(self, page: Page, empty: Page) -> None:
        for of in (page, empty):
            levels = [int(tag[1]) for tag, _, _ in of.elements if re.fullmatch("h[1-6]", tag)]
            assert levels.count(1) == 1
            assert levels[0] == 1
            assert all(level - before <= 1 for before, level in itertools.pairwise(levels))

    def test_begins_with_the_verdict(self, page: Page) -> None:
        after_title = page.html[page.html.index("</h1>") :]
        verdict = after_title.index(
            "dropout helps by 30.00 points of test accuracy [28.00,\u00a032.00];"
        )
        assert verdict < after_title.index("zca is not trained;") < after_title.index("<table")

    def test_ends_lines_within_paths_and_names_and_between_the_words_of_commands(
        self, page: Page, empty: Page
    ) -> None:
        assert "data/<wbr>06_<wbr>models/<wbr>dropout/<wbr>seed_" in page.html
        assert '<code><span class="whole">uv</span> <span class="whole">run</span> ' in page.html
        assert ({}, "uv run kedro run") in empty.all("code")  # as it is copied

    def test_ids_are_unique_and_references_lead_somewhere(self, page: Page, empty: Page) -> None:
        for of in (page, empty):
            ids = of.attributes("id")
            assert len(ids) == len(set(ids))
            referred = set(of.attributes("aria-labelledby"))
            referred |= {link[1:] for link in of.attributes("href") if link.startswith("#")}
            referred |= set(re.findall(r"url\(#([^)]+)\)", of.html))
            assert referred <= set(ids)

    def test_says_its_language_and_fits_small_screens(self, page: Page) -> None:
        assert page.all("html")[0][0]["lang"] == "en"
        names = {
            attrs.get("name"): attrs["content"]
            for attrs, _ in page.all("meta")
            if "content" in attrs
        }
        assert names["viewport"] == "width=device-width, initial-scale=1"

    def test_regions_that_scroll_can_be_reached_and_have_a_name(self, page: Page) -> None:
        regions = [
            attrs for _, attrs, _ in page.elements if "scroll" in attrs.get("class", "").split()
        ]
        assert len(regions) >= 5
        for attrs in regions:
            assert (attrs["tabindex"], attrs["role"]) == ("0", "region")
            assert attrs.get("aria-label") or attrs["aria-labelledby"]


class TestSelfContained:
    def test_refers_to_nothing_outside(self, page: Page) -> None:
        for link in page.attributes("src", "href", "srcset", "action", "xlink:href"):
            assert link.startswith(("#", "data:")), link
        addresses = set(re.findall(r"https?://[^\s\"'<>]+", page.html))
        assert addresses == {"http://www.w3.org/2000/svg"}
        assert "@import" not in page.html

    def test_lets_the_browser_load_nothing_and_run_its_own_script_only(self, page: Page) -> None:
        policy = next(attrs["content"] for attrs, _ in page.all("meta") if "http-equiv" in attrs)
        assert policy.startswith("default-src 'none';")
        scripts = re.findall(r"<script>(.*?)</script>", page.html, re.DOTALL)
        assert len(scripts) == 1
        digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}';" in policy
        assert not [
            name for _, attrs, _ in page.elements for name in attrs if name.startswith("on")
        ]

    def test_is_the_same_every_time(self, page: Page) -> None:
        assert render_report(a_report()) == page.html

    def test_needs_no_tensorflow(self) -> None:
        code = "import sys, regbench.report.page; sys.exit('tensorflow' in sys.modules)"
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_can_be_written_whatever_file_names_hold(self) -> None:
        names = ["\x00\x0b", "数字.png"]
        rejected = pd.DataFrame({"filename": names, "reason": "broken"})
        settings = {"images": "/sets/\udcff"}  # as Python gives names that are no valid text
        html = render_report(a_report(results={}, rejected=rejected, settings=settings))
        assert "数字.png".encode() in html.encode()


class TestHostileText:
    def test_is_text_wherever_it_stands(self, page: Page) -> None:
        assert "<script>alert" not in page.html
        for tag in ("text", "th", "figcaption", "pre"):
            assert any("<script" in text for _, text in page.all(tag)), tag
        alternatives = page.attributes("alt", "aria-label")
        assert any(HOSTILE in alternative for alternative in alternatives)

    def test_may_be_a_technique_or_a_note(self) -> None:
        content = a_report(notes=[HOSTILE], provenance={HOSTILE: HOSTILE})
        content.comparison["technique"] = content.comparison["technique"].replace("l1", HOSTILE)
        renamed = {HOSTILE if name == "l1" else name: of for name, of in content.results.items()}
        html = render_report(replace(content, results=renamed))
        assert "<script>alert" not in html
        assert any(text.startswith(HOSTILE) for _, text in Page(html).all("text"))


class TestTableOfTechniques:
    def test_shows_the_comparison(self, page: Page) -> None:
        rows = page.rows(0)
        assert [row[0] for row in rows[1:]] == ["dropout", "baseline", "l1"]
        cells = dict(zip(rows[0], rows[1], strict=True))
        assert cells["verdict"] == "▶ better"
        assert cells["test accuracy, %"] == "90.00 ± 1.23"
        assert cells["difference, points [95 %]"] == "+30.00 [28.00, 32.00]"
        assert cells["p, Holm"] == "0.250"
        assert cells["gap, points"] == "+25.00"
        assert cells["ECE, %"] == "5.0"
        assert rows[2][1] == "reference"

    def test_folds_what_is_not_trained_into_one_line(self, page: Page) -> None:
        assert "1 technique not trained" in [text for _, text in page.all("summary")]
        assert "Not trained: zca; " in page.html
        assert "<code>uv run kedro run --pipelines=zca,reporting</code> trains them" in page.html

    def test_begins_with_the_columns_that_decide(self, page: Page) -> None:
        heads = [
            (text, "more" in attrs.get("class", "").split())
            for attrs, text in page.all("th")
            if "aria-sort" in attrs
        ]
        shown = [text for text, more in heads[: len(page.rows(0)[0])] if not more]
        assert shown == [
            *("technique", "verdict", "test accuracy, %", "difference, points [95 %]"),
            "gap, points",
        ]
        hidden = len(page.rows(0)[0]) - len(shown)
        assert f"Show {hidden} more columns" in [text for _, text in page.all("label")]

    def test_leaves_out_what_nothing_is_known_of(self, page: Page) -> None:
        assert not {"macro F1, %", "seconds", "bootstrap [95 %]", "trainings"} & set(
            page.rows(0)[0]
        )

    def test_counts_runs_if_some_failed(self) -> None:
        content = a_report()
        content.comparison.loc[2, "failed_trainings"] = 1
        rows = Page(render_report(replace(content, results={}))).rows(0)
        column = rows[0].index("trainings")
        assert [row[column] for row in rows[1:]] == ["3 of 3", "3 of 3", "2 of 3"]

    def test_has_scopes_a_caption_and_buttons(self, page: Page) -> None:
        headers = [attrs for attrs, _ in page.all("th")]
        assert {attrs.get("scope") for attrs in headers} <= {"col", "row", "colgroup"}
        assert len(page.all("caption")) == len(page.all("table"))
        sortable = [attrs for attrs in headers if "aria-sort" in attrs]
        buttons = [attrs for attrs, _ in page.all("button") if attrs.get("class") != "act"]
        assert len(sortable) == len(buttons) > 10
        assert [attrs["aria-sort"] for attrs in sortable][:4] == [
            "none",
            "none",
            "descending",
            "none",
        ]

    def test_explains_every_column(self, page: Page) -> None:
        terms = [text for _, text in page.all("dt")]
        assert set(page.rows(0)[0][1:]) <= set(terms)

    def test_is_about_validation_without_a_test_part(self) -> None:
        html = render_report(a_report(part="validation", results={}))
        page = Page(html)
        assert "validation accuracy, %" in page.rows(0)[0]
        assert "validation, %" not in page.rows(0)[0]
        assert "This study has no test part" in html


class TestPictures:
    def test_all_have_words(self, page: Page) -> None:
        drawn = page.all("svg")
        assert len(drawn) == 3 * 2 + 2 * len(TECHNIQUES) + 1 + 2
        for attrs, _ in drawn:
            assert attrs["role"] == "img"
            assert len(attrs["aria-label"]) > 40
        told = " ".join(attrs["aria-label"] for attrs, _ in drawn)
        assert "dropout +30.00 [28.00, 32.00], better" in told
        assert "baseline 95.0\u00a0% and 60.0\u00a0%" in told
        assert "expected calibration error 12.5\u00a0%" in told
        assert all(attrs["alt"] for attrs, _ in page.all("img"))

    def test_take_their_colours_from_the_page(self, page: Page) -> None:
        svgs = "".join(re.findall(r"<svg.*?</svg>", page.html, re.DOTALL))
        assert not re.findall(r"(?:fill|stroke):\s*(?!none|var\()[^;\"]+", svgs)
        assert set(re.findall(r"var\(--([\w-]+)\)", svgs)) <= set(drawing.COLOURS)
        assert "font-family" not in svgs

    def test_have_colours_that_can_be_read_on_light_and_dark(self) -> None:
        style = files("regbench.report").joinpath("templates/report.css").read_text("utf-8")
        modes = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
        assert "prefers-color-scheme: dark" in style
        for mode in modes:
            colours = dict(re.findall(r"--([\w-]+): (#\w{6});", mode))
            assert set(drawing.COLOURS) <= set(colours)
            for name in set(drawing.COLOURS) - {"rule", "surface"}:
                for ground in ("surface", "page"):
                    assert contrast(colours[name], colours[ground]) >= 4.5, name

    def test_can_hold_any_letters(self) -> None:
        figure = Figure()
        figure.text(0.5, 0.5, "数\x0b <&>")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            svg = pictures.inline_svg(figure, "any", 'what "it" shows <b>')
        assert "数\ufffd &lt;&amp;&gt;" in svg
        assert 'aria-label="what &quot;it&quot; shows &lt;b&gt;"' in svg

    def test_have_ids_of_their_own(self) -> None:
        def drawn(name: str) -> set[str]:
            figure = Figure()
            figure.subplots().plot([1, 2], "o")
            return set(re.findall(r'id="([^"]+)"', pictures.inline_svg(figure, name, "alt")))

        assert drawn("one")
        assert drawn("one") == drawn("one")
        assert not drawn("one") & drawn("other")

    def test_of_images_are_the_images(self) -> None:
        for channels in (1, 3):
            image = np.random.default_rng(0).integers(0, 256, (6, 9, channels), dtype=np.uint8)
            address = pictures.image_data_url(image)
            opened = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1])))
            np.testing.assert_array_equal(np.asarray(opened).reshape(image.shape), image)
        large = pictures.image_data_url(np.zeros((300, 600, 3), np.uint8))
        assert Image.open(io.BytesIO(base64.b64decode(large.split(",")[1]))).size == (96, 48)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(colour: str) -> float:
        levels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in levels]
        return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))

    lighter, darker = sorted([luminance(one), luminance(other)], reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


class TestBaselineBesideBest:
    def test_recall_is_that_of_scikit_learn(self, page: Page) -> None:
        tables = [page.rows(place) for place in range(len(page.all("table")))]
        rows = next(rows for rows in tables if rows[0][0] == "class" and "bar" not in rows[0])
        assert rows[0] == ["class", "images", "baseline, %", "dropout, %", "difference, points"]
        content = a_report()
        expected = []
        for name in ("baseline", "dropout"):
            answers = content.results[name].predictions
            answers = answers[answers["split"] == "test"]
            recalls = recall_score(
                answers["label"], answers["predicted"], labels=CLASSES, average=None
            )
            expected.append([f"{100 * recall:.2f}" for recall in recalls])
        assert [[row[2], row[3]] for row in rows[1:]] == [
            list(pair) for pair in zip(*expected, strict=True)
        ]
        assert [int(row[1]) for row in rows[1:]] == [14, 13, 13]

    def test_images_are_those_they_differ_on(self, page: Page) -> None:
        content = a_report()
        addresses = {
            pictures.image_data_url(image): place for place, image in enumerate(content.images)
        }
        shown = [addresses[attrs["src"]] for attrs, _ in page.all("img")]
        assert shown
        for attrs, _ in page.all("img"):
            name = FILES[addresses[attrs["src"]]]
            right, wrong = {}, {}
            for technique in ("baseline", "dropout"):
                answers = content.results[technique].predictions
                answers = answers[(answers["split"] == "test") & (answers["filename"] == name)]
                right[technique] = int((answers["label"] == answers["predicted"]).sum())
                wrong[technique] = answers["predicted"][answers["label"] != answers["predicted"]]
            better, worse = sorted(right, key=lambda technique: -right[technique])
            assert right[better] >= 2 > right[worse]
            mistake, count = next(iter(wrong[worse].value_counts().items()))
            assert f"{worse} says {mistake} ({count}\u00a0of\u00a03 seeds), " in attrs["alt"]
            assert f"{better} says" in attrs["alt"]
            assert f"({right[better]}\u00a0of\u00a03 seeds)." in attrs["alt"]

    def test_is_the_baseline_alone_without_another(self) -> None:
        content = a_report()
        alone = {"baseline": content.results["baseline"]}
        html = render_report(replace(content, results=alone))
        assert "Confusion matrix of baseline" in html
        assert "No images: the baseline and another technique must be trained." in html


class TestOtherParts:
    def test_settings_are_given_in_full(self, page: Page) -> None:
        names = [text for _, text in page.all("h3")]
        shown = [yaml.safe_load(text) for _, text in page.all("pre")]
        assert dict(zip(names[-len(shown) :], shown, strict=True)) == a_report().settings

    def test_commands_in_notes_are_marked(self, page: Page) -> None:
        commands = [text for _, text in page.all("code")]
        assert commands.count("uv run kedro run --pipelines=zca,reporting") == 2  # note and table

    def test_states_what_could_have_been_found(self, page: Page) -> None:
        assert "A true difference of 3.00 points would have been found" in page.html
        assert "within ±0.1 points" in page.html

    def test_names_two_hundred_rejected_images_and_counts_the_rest(self) -> None:
        rejected = pd.DataFrame(
            {"filename": [f"bad_{n}." for n in range(1234)], "reason": "broken"}
        )
        html = render_report(a_report(results={}, rejected=rejected))
        assert html.count("bad_") == 200
        assert "1,234 images were not used, the first 200 here." in html

    def test_puts_published_claims_beside_ours(self) -> None:
        claims = pd.DataFrame(
            [
                {
                    "technique": "l2",
                    "published_accuracy": 0.9739,
                    "claim": "greater than our previous model",
                    "accuracy": 0.9699,
                    "difference": -0.0009,
                    "difference_low": -0.004,
                    "difference_high": 0.002,
                    "verdict": "worse",
                    "outcome": "does not survive",
                    "decidable_with_one_seed": False,
                },
                {"technique": "zca", "why_not": "another split", "outcome": "cannot be compared"},
            ]
        )
        page = Page(render_report(a_report(results={}, claims=claims)))
        assert ("claims", "The published claims") in [(a["id"], text) for a, text in page.all("h2")]
        tables = [page.rows(place) for place in range(len(page.all("table")))]
        rows = next(rows for rows in tables if "one seed could tell" in rows[0])
        assert rows[1] == [
            *("l2", "97.39", "no", "96.99−0.09 [−0.40, 0.20]worse", "–"),
            "greater than our previous model: does not survive",
        ]
        assert rows[2][0] == "zca"
        assert rows[2][-1] == "cannot be compared: another split"
        assert "nan" not in " ".join(rows[2])
        assert "1 claim can be compared; does not survive: l2." in [t for _, t in page.all("p")]

    def test_without_claims_or_figures_says_so_in_a_line_each(self, empty: Page) -> None:
        said = [text for attrs, text in empty.all("p") if attrs.get("class") == "missing"]
        # The tables and the method are never missing; of looking inside two things are.
        assert len(said) == len(SECTIONS) - 3 + 1
        assert empty.all("svg") == []
        nothing = Page(render_report(replace(nothing_trained(), claims=pd.DataFrame())))
        assert "No published claims are configured." in nothing.html


class TestDuplicates:
    def test_are_summed_up_and_named(self) -> None:
        index = a_report().split_index.assign(digest=[str(row) for row in range(len(FILES))])
        index.loc[0, "split"] = "train"
        index.loc[3, "digest"] = index.loc[0, "digest"]  # ant, in another part
        index.loc[5, "digest"] = index.loc[1, "digest"]  # bee, and the hostile class
        near = pd.DataFrame(
            {
                "group": "3",
                "filename": [FILES[7], FILES[8]],
                "label": "bee",
                "split": ["train", "test"],
                "finding": "nearly the same pixels, in several parts",
            }
        )
        found = pd.concat([find_duplicates(index).astype(str), near])
        html = render_report(a_report(results={}, split_index=index, duplicates=found))
        page = Page(html)
        told = next(text for _, text in page.all("dd") if "same pixels" in text)
        assert told.startswith(
            "4 images in 2 groups have the same pixels as another; 1 group with different labels; "
            "1 group in several parts of the split (1 test image also trained on); "
        )
        tables = [page.rows(place) for place in range(len(page.all("table")))]
        rows = next(rows for rows in tables if rows[0][0] == "group")
        assert rows[1:] == [
            ["1", FILES[0], "ant", "train", "in several parts"],
            ["1", FILES[3], "ant", "test", "in several parts"],
            ["2", FILES[1], "bee", "test", "different labels"],
            ["2", FILES[5], HOSTILE, "test", "different labels"],
            ["3", FILES[7], "bee", "train", "nearly the same pixels, in several parts"],
            ["3", FILES[8], "bee", "test", "nearly the same pixels, in several parts"],
        ]
        assert "2 images in 1 group are nearly the same as one in another part" in told
        assert HOSTILE not in html

    def test_are_said_to_be_absent_or_unknown(self) -> None:
        index = a_report().split_index
        none = find_duplicates(index.assign(digest=index["filename"]))
        for found, said in (
            (none, "No two images have the same pixels."),
            (None, "Not looked for by the version that read the images."),
        ):
            page = Page(render_report(a_report(results={}, duplicates=found)))
            assert any(text.startswith(said) for _, text in page.all("dd"))
            assert "Images with the same pixels" not in page.html


def test_images_are_counted_by_class_and_part() -> None:
    page = Page(render_report(a_report()))
    tables = [page.rows(place) for place in range(len(page.all("table")))]
    rows = next(rows for rows in tables if rows[0][:2] == ["class", "images"] and "bar" in rows[0])
    assert [(row[0], row[1], row[3]) for row in rows[1:]] == [
        ("ant", "14", "14"),
        ("bee", "13", "13"),
        (HOSTILE, "13", "13"),
    ]
    assert re.search(
        r"answering ant, the largest class, has a test accuracy of 35\.0\s%", page.html
    )


def test_of_many_classes_the_largest_and_smallest_are_counted() -> None:
    classes = [f"c{number:03}" for number in range(300)]
    labels = [label for number, label in enumerate(classes) for _ in range(number + 3)]
    index = pd.DataFrame({"filename": labels, "label": labels, "split": "test"})
    counts = images_by_class(index, classes)
    assert [row["label"] for row in counts["rows"]] == [*classes[:199:-1], *classes[99::-1]]
    assert counts["uneven"] is not None


def test_alarms_stand_before_the_verdict() -> None:
    page = render_report(a_report(alarms=["l2 fell", HOSTILE]))
    assert "<p>2 alarms</p>" in page
    assert "<li>l2 fell</li>" in page
    assert page.index("l2 fell") < page.index('verdict-sentence"')
    assert HOSTILE not in page
    assert 'role="alert"' not in render_report(nothing_trained())
