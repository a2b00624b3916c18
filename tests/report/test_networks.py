"""The report on several networks: the sentence, the picture, the tables and the page."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from tests.comparison.network_study import STUDY, compared, content
from tests.study.base_study import BASE

from regbench.evaluation.results import Results
from regbench.report.across_networks import (
    contents_by_network,
    sentence_on_networks,
    short_sentence_on_networks,
    with_own_ids,
)
from regbench.report.answer import MOST_WORDS
from regbench.report.page import render_report
from regbench.report.plots.networks import network_plot
from regbench.report.text_table import as_markdown, comparison_tables, status_notes

COMPARED = compared()
STAGED = COMPARED.assign(saved_trainings=0)


def judged(**verdicts: str) -> pd.DataFrame:
    """A comparison of these verdicts: by technique, on one network after the other."""
    rows = [
        {"network": network, "technique": name, "verdict": verdict or None}
        for name, of_one in verdicts.items()
        for network, verdict in zip(("mlp", "cnn", "resnet"), of_one.split(","), strict=False)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (
            {"a": "better,worse", "b": "better,better"},
            "a is better on mlp, worse on cnn: it flips; b is better on both networks.",
        ),
        (
            {"a": "undecided,undecided", "b": "undecided,undecided", "c": "worse,worse"},
            "a and b are undecided on both networks; c is worse on both networks.",
        ),
        (
            {"a": "better,undecided", "b": "equivalent,worse"},
            "a is better on mlp, undecided on cnn, which is no contradiction; b is equivalent on "
            "mlp, worse on cnn.",
        ),
        (
            {"a": "worse,better,worse", "b": "better,better,better"},
            "a is better on cnn, worse on mlp and resnet: it flips; b is better on all 3 networks.",
        ),
        ({"a": "better,better,", "b": "worse,,"}, "a is better on mlp and cnn."),
        (
            {"a": "descriptive only,descriptive only"},
            "Too few seeds to say whether a verdict holds on all of mlp and cnn: each network's "
            "own sentence describes.",
        ),
        (
            {"a": "better", "b": "worse"},
            "No technique is for more than one of mlp: each network's own sentence says what "
            "helps on it.",
        ),
        (
            {"a": "better,"},
            "No technique is compared with the baseline on more than one of mlp and cnn.",
        ),
    ],
)
def test_the_sentence(verdicts: dict[str, str], said: str) -> None:
    assert sentence_on_networks(judged(**verdicts)) == said


def test_the_sentence_without_any_difference() -> None:
    untrained = judged(a=",").drop(columns="verdict")
    assert sentence_on_networks(untrained).startswith("No technique is compared")


def test_the_first_sentence_has_sizes_and_what_flips() -> None:
    rows = COMPARED.set_index(["technique", "network"])["difference"] * 100
    least, most = sorted([rows["shifts", "mlp"], rows["shifts", "cnn"]])
    assert short_sentence_on_networks(COMPARED) == (
        f"shifts helps on both networks, by {least:.2f} to {most:.2f} points of test accuracy; "
        f"dropout flips: +{rows['dropout', 'mlp']:.2f} on mlp and "
        f"−{-rows['dropout', 'cnn']:.2f} on cnn."
    )
    unlearned = short_sentence_on_networks(COMPARED.assign(largest_class=0.999))
    assert unlearned.startswith("On none of 2 networks is a technique shown to beat always")


def test_the_first_sentence_tells_of_a_technique_for_one_network() -> None:
    elsewhere = (COMPARED["technique"] == "shifts") & (COMPARED["network"] == "cnn")
    said = short_sentence_on_networks(COMPARED[~elsewhere])
    assert said.startswith("No technique is shown to help on both networks; dropout flips: ")
    assert said.endswith("; shifts helps on some.")


@pytest.mark.parametrize("verdicts", ["better", "worse", "equivalent", "undecided"])
@pytest.mark.parametrize("networks", [2, 3, 6])
def test_the_first_sentence_has_at_most_thirty_words(verdicts: str, networks: int) -> None:
    choices = ["better", "worse", "equivalent", "undecided", verdicts, verdicts, verdicts]
    for techniques in (1, 2, 7, 40):
        rows = [
            {
                "network": f"a_network_{network}",
                "technique": f"a_long_name_of_a_technique_{number}",
                "verdict": choices[(number * 3 + network * number) % len(choices)],
                "difference": 0.01 * number,
                "test_log_likelihood_per_class": -1.0,
                "metric": "log_likelihood_per_class",
                "trainings": 5,
                "failed_trainings": 0,
            }
            for network in range(networks)
            for number in range(techniques)
        ]
        for line in ({}, {"largest_class": 0.0}):
            said = short_sentence_on_networks(pd.DataFrame(rows).assign(**line))
            assert len(said.split()) <= MOST_WORDS, said


def test_the_picture_has_a_row_per_technique_and_a_column_per_network() -> None:
    figure = network_plot(COMPARED)
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["mlp", "cnn"]
    first, second = figure.axes
    names = [label.get_text() for label in first.get_yticklabels()]
    assert names == ["dropout", "shifts"]  # from below: the best is on top
    assert first.get_xlim() == second.get_xlim()
    rows = COMPARED.dropna(subset=["difference"]).set_index(["network", "technique"])
    for axis, network in zip(figure.axes, ("mlp", "cnn"), strict=True):
        drawn = {
            (
                round(float(line.get_xdata()[0]), 6),
                names[int(line.get_ydata()[0])],
                line.get_marker(),
            )
            for line in axis.lines
            if line.get_marker() not in ("None", None, "")
        }
        marker = {"better": ">", "worse": "<"}
        assert drawn == {
            (round(100 * row["difference"], 6), name, marker[row["verdict"]])
            for name, row in rows.loc[network].iterrows()
        }


def test_the_picture_of_less_is_better_and_of_nothing() -> None:
    reversed_ = COMPARED.assign(metric="cross_entropy")
    markers = {line.get_marker() for axis in network_plot(reversed_).axes for line in axis.lines}
    assert {"<", ">"} <= markers
    network_plot(COMPARED.drop(columns=["difference", "verdict"]))


def test_the_picture_says_that_intervals_of_looks_are_joint() -> None:
    for study, said in ((COMPARED, "95 % interval"), (STAGED, "joint 95 % interval")):
        [legend] = network_plot(study).legends
        assert said in [text.get_text() for text in legend.get_texts()]


def test_a_table_for_each_network_and_the_sentence_once() -> None:
    tables = comparison_tables(COMPARED, "kedro run")
    assert [table.title for table in tables] == [
        "Comparison of techniques: mlp",
        "Comparison of techniques: cnn",
    ]
    assert tables[0].notes[0] == short_sentence_on_networks(COMPARED)
    assert "it flips" in tables[0].notes[1]
    assert not any("flips" in note for note in tables[1].notes)
    assert any("for the techniques on all networks by Holm" in note for note in tables[1].notes)
    assert "| shifts | 0.9860" in as_markdown(tables[1])
    alone = comparison_tables(COMPARED[COMPARED["network"] == "mlp"].drop(columns="network"), "run")
    assert [table.title for table in alone] == ["Comparison of techniques"]
    assert not any("on all networks" in note for note in alone[0].notes)


def test_a_note_names_its_network() -> None:
    stale = COMPARED.assign(status="stale", reason="changed since: the protocol")
    notes = status_notes(stale, "kedro run")
    for network in ("mlp", "cnn"):
        (note,) = [note for note in notes if note.startswith(f"{network}: ") and "stale;" in note]
        assert {"shifts", "dropout", "baseline"} <= set(re.findall(r"\w+", note))
        assert note.endswith(" are stale; changed since: the protocol.")


def test_what_a_network_lacks_is_trained_on_it_alone() -> None:
    lacking = (COMPARED["technique"] == "dropout") & (COMPARED["network"] == "cnn")
    notes = status_notes(COMPARED.assign(status=np.where(lacking, "not trained", "trained")), "run")
    assert [note for note in notes if "Not trained" in note] == [
        "cnn: Not trained: dropout; run --pipelines=dropout.cnn,reporting trains them."
    ]


def test_a_technique_for_one_network_on_a_page_whose_first_network_has_no_trainings() -> None:
    study = {
        name: Results.none() if name.endswith(".mlp") else of
        for name, of in STUDY.items()
        if name != "shifts.mlp"
    }
    given = content(compared(study))
    techniques = {"baseline": {}, "dropout": {"dropout": 0.5}, "shifts": {"augmentation": True}}
    protocol = {**BASE["protocol"], "network": ["mlp", "cnn"]}
    settings = {**given.settings, "protocol": protocol, "techniques": techniques}
    results = {name: of for name, of in given.results.items() if name.endswith(".cnn")}
    page = render_report(replace(given, results=results, settings=settings))
    assert "<p>Test accuracy minus that of the same network" in page
    shown = page.split("<h3>techniques</h3>")[1].split("</pre>")[0]
    assert shown.split("shifts:")[1].split()[:2] == ["networks:", "[cnn]"]
    assert shown.count("networks:") == 1
    assert "2 techniques and the baseline on 2 networks, not each on all" in page
    legend = {
        network: page.split(f'<h2 id="{network}-techniques">')[1].split("<h2 id=", maxsplit=1)[0]
        for network in ("mlp", "cnn")
    }
    assert "; in dropout, shifts" in legend["cnn"] or "in shifts" in legend["cnn"]
    assert "in shifts" not in legend["mlp"]


def test_a_network_without_the_pairs_of_another_has_no_section_on_pairs() -> None:
    both = {"both.cnn": STUDY["shifts.cnn"]}
    pair = {"base": "baseline", "one": "dropout", "other": "shifts", "both": "both"}
    given = replace(
        content(compared(STUDY | both)),
        interactions=pd.DataFrame([{"network": "cnn", **pair}]),
    )
    shown = {name: of.interactions for name, of in contents_by_network(given).items()}
    assert shown["mlp"] is None
    assert shown["cnn"] is not None
    assert len(shown["cnn"]) == 1
    untrained = replace(given, interactions=given.interactions.head(0))
    assert all(len(of.interactions) == 0 for of in contents_by_network(untrained).values())


class References(HTMLParser):
    """Ids of a page, and what refers to them."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.referred: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name.endswith("href") and (value or "").startswith("#"):
                self.referred.add((value or "")[1:])
            elif name == "aria-labelledby":
                self.referred |= set((value or "").split())
            self.referred |= set(re.findall(r"url\(#(.*?)\)", value or ""))


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(content(COMPARED))


def test_the_page_has_every_section_for_each_network_and_the_others_once(page: str) -> None:
    titles = re.findall(r'<h2 id="([\w-]+)">', page)
    for network in ("mlp", "cnn"):
        assert f"{network}-techniques" in titles
        assert f"{network}-learning" in titles
    assert [titles.count(of) for of in ("networks", "method", "settings", "provenance")] == [1] * 4
    assert "techniques" not in titles
    assert "dropout is better on mlp, worse on cnn: it flips" in page
    assert "for 4 techniques, each counted once for every one of the 2 networks" in page
    assert "One data set, one split, mlp and cnn, one way" in page
    assert "<li>mlp: a note</li>" in page


def test_what_a_section_says_is_of_its_network(page: str) -> None:
    section = {
        network: page.split(f'<h2 id="{network}-techniques">')[1].split("<h2 id=", maxsplit=1)[0]
        for network in ("mlp", "cnn")
    }
    assert "92.60 ± " in section["mlp"]
    assert "98.60 ± " in section["cnn"]
    assert "98.60 ± " not in section["mlp"]
    assert "hidden units [7]" in section["mlp"]
    assert "filters [9]" in section["cnn"]


def test_every_id_of_the_page_is_there_once_and_every_reference_leads_to_one(page: str) -> None:
    found = References()
    found.feed(page)
    assert len(found.ids) == len(set(found.ids)) > 20
    assert found.referred <= set(found.ids)
    assert "announcement" in found.ids  # that the script writes to


def test_text_is_not_taken_for_an_id() -> None:
    section = '<p id="a">id=&#34;b&#34; <a href="#a">x</a></p>'
    assert with_own_ids(section, "n") == '<p id="n-a">id=&#34;b&#34; <a href="#n-a">x</a></p>'


def test_figures_of_the_whole_study_stand_once(page: str) -> None:
    facts = re.findall(r"<dt>(.*?)</dt><dd><strong>(.*?)</strong> <span>(.*?)</span>", page)
    without = "test accuracy of your network without regularization"
    assert ("Baseline, mlp", "61.8\u00a0%", without) in facts
    assert ("Baseline, cnn", "87.6\u00a0%", without) in facts
    assert (
        "Trainings finished",
        "30 of 30",
        "2 techniques and the baseline on 2 networks",
    ) in facts
    assert np.unique([name for name, *_ in facts]).size == len(facts)
