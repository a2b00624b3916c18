"""The table of techniques: what decides first, the rest folded, many grouped by family."""

import pandas as pd
from tests.report.test_sentences import row

from regbench.report.families import families_of
from regbench.report.html_table import MANY, OTHERS, techniques_table

FAMILIES = {f"drop{n}": "Layer" for n in range(10)} | {f"l{n}": "Kernel" for n in range(MANY)}


def of(count: int, **more: object) -> pd.DataFrame:
    """A comparison of some techniques; the validation accuracy rises with the number."""
    names = [*FAMILIES][:count] + [f"own{n}" for n in range(count - len(FAMILIES))]
    rows = [
        row(name, place / 10, "better", validation_accuracy=place / 100, status="trained", **more)
        for place, name in enumerate(names)
    ]
    return pd.DataFrame([*rows, row("baseline", status="trained")])


def test_a_few_techniques_are_one_table() -> None:
    found = techniques_table(of(MANY - 1), "test", FAMILIES)
    assert [table["title"] for table in found["tables"]] == [""]
    assert len(found["tables"][0]["rows"]) == MANY


def test_of_many_the_best_of_each_family_on_validation_is_shown_and_each_family_folded() -> None:
    compared = of(27).assign(largest_class=0.5)
    found = techniques_table(compared, "test", FAMILIES)
    first, *families = found["tables"]
    assert [table["title"] for table in families] == ["Kernel", "Layer", OTHERS]
    names = [line["technique"] for line in first["rows"]]
    assert names == ["drop9", "l14", "own1", "baseline", "always the largest class"]
    assert families[1]["summary"] == "10 techniques: 10 better"
    in_families = [line["technique"] for table in families for line in table["rows"]]
    assert sorted(in_families) == sorted(set(compared["technique"]) - {"baseline"})


def test_what_is_not_trained_is_in_no_table_but_the_baseline() -> None:
    compared = of(3)
    compared.loc[compared["technique"].isin(["drop1", "baseline"]), "status"] = "not trained"
    found = techniques_table(compared, "test")
    assert [line["technique"] for line in found["tables"][0]["rows"]] == [
        *("drop0", "drop2", "baseline")
    ]
    assert found["untrained"] == ["drop1"]


def test_seconds_stand_beside_the_baselines() -> None:
    compared = of(2).assign(seconds=[5.0, 20.0, 10.0])
    found = techniques_table(compared, "test")
    (place,) = [n for n, column in enumerate(found["columns"]) if column.key == "seconds"]
    assert found["columns"][place].title == "seconds (× baseline)"
    cells = [line["cells"][place].text for line in found["tables"][0]["rows"]]
    assert cells == ["5.0 (0.5 ×)", "20.0 (2.0 ×)", "10.0 (1.0 ×)"]
    alone = techniques_table(compared[:2], "test")
    assert alone["columns"][place].title == "seconds"


def test_a_family_is_that_of_the_regularizers() -> None:
    techniques = {
        "baseline": {},
        "l1": {"l1": {"strength": 0.1}},
        "both": {"l1": {"strength": 0.1}, "l2": {"strength": 0.1}},
        "mixed": {"l1": {"strength": 0.1}, "dropout": {"rate": 0.5}, "l2": None},
    }
    found = families_of({"techniques": techniques})
    assert found["both"] == found["l1"]
    assert found["mixed"] == "Combinations"
    assert "baseline" not in found
    assert families_of({}) == {}
