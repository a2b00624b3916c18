"""Whole learning curves and comparisons of network sizes of the real project."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from regbench.errors import FailedTrainingsError, SettingsError, StudyError

Run = Callable[..., dict[str, Any]]
OTHERS = ("l1", "dropout", "augmentation", "zca", "early_stopping", "batch_normalization")
TECHNIQUES = dict.fromkeys((*OTHERS, "zca_dropout", "dropout_augmentation"))
PROTOCOL = {"epochs": 1, "seeds": 1}
CURVE = {"techniques": "best", "sizes": "20 40 80 500 all", "draws": 3}
SIZE = {"technique": "l2", "scales": "0.5", "draws": 3}


def outcomes(data: Path, comparison: str) -> dict[str, tuple[int, dict[str, Any]]]:
    folder = data / "07_model_output" / comparison
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, json.loads(path.read_text()))
        for path in folder.rglob("*draw_*.json")
    }


def test_a_learning_curve_is_made_and_resumed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    options: dict[str, Any] = {
        "protocol": PROTOCOL,
        "techniques": TECHNIQUES,
        "learning_curve": CURVE,
    }
    with pytest.raises(StudyError, match="trains them, or name one: --params=learning_c"):
        run("learning_curve", **options)
    run("baseline", "l2", **options)
    run("learning_curve", **options)
    assert "learning_curve.sizes: 500: left out, as the study has 210 train images" in caplog.text

    made = outcomes(data, "learning_curve")
    assert len(made) == 2 * 5 * 3
    # On all images a draw is what the study trains with that seed.
    _, of_all = made["baseline/size_all_draw_1.json"]
    own = json.loads((data / "07_model_output/baseline/seed_1/metrics.json").read_text())
    assert of_all["test_accuracy"] == own["test_accuracy"]
    assert of_all["validation_cross_entropy"] == own["validation_cross_entropy"]
    # 210 images take 7 steps of 32; 80, three times each, 8.
    steps = {name: of["steps"] for name, (_, of) in made.items() if "steps" in of}
    assert set(steps.values()) == {7, 8}
    assert made["best/size_500_draw_2.json"][1]["status"] == "skipped"

    found = json.loads((data / "08_reporting/learning_curve.json").read_text())
    assert found["techniques"] == {"baseline": "baseline", "best": "l2"}
    assert found["sizes"] == [20, 40, 80, 210]
    table = pd.read_csv(data / "08_reporting/learning_curve.csv")
    values = [
        made[f"best/size_40_draw_{draw}.json"][1]["test_accuracy"]
        - made[f"baseline/size_40_draw_{draw}.json"][1]["test_accuracy"]
        for draw in (1, 2, 3)
    ]
    row = table.set_index(["technique", "images"]).loc[("l2", 40)]
    assert row["difference"] == pytest.approx(sum(values) / 3)
    assert (data / "08_reporting/learning_curve.png").stat().st_size > 10_000
    page = (data / "08_reporting/learning_curve.html").read_text()
    assert found["sentences"][0].split(":")[0] in page
    assert "<svg" in page
    assert "picture and table: " in capsys.readouterr().out

    # Again: only what somebody changed is trained; with another strength, only l2 is.
    changed = "best/size_20_draw_2.json"
    record = made[changed][1] | {"test_accuracy": 1.0}
    (data / "07_model_output/learning_curve" / changed).write_text(json.dumps(record))
    run("learning_curve", only_missing_outputs=True, **options)
    assert f"{changed}: damaged, or changed since it was made; the training is made" in caplog.text
    again = outcomes(data, "learning_curve")
    assert again[changed][1]["test_accuracy"] == made[changed][1]["test_accuracy"]
    made_again = {name for name in made if made[name][0] != again[name][0]}
    assert made_again == {changed, *(name for name in made if "size_500" in name)}
    options["techniques"] = TECHNIQUES | {"l2": {"l2": 0.01}}
    named = CURVE | {"techniques": "l2", "sizes": "20 all"}
    run("learning_curve", only_missing_outputs=True, **options | {"learning_curve": named})
    last = outcomes(data, "learning_curve")
    assert {name for name in last if name not in again} == {
        f"l2/size_{size}_draw_{draw}.json" for size in (20, "all") for draw in (1, 2, 3)
    }
    assert all(last[name] == again[name] for name in again if name.startswith("baseline"))


def test_networks_of_two_sizes_are_compared(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    # A technique that diverges fails on both networks, and the others are compared.
    options: dict[str, Any] = {
        "protocol": PROTOCOL,
        "techniques": TECHNIQUES | {"l2": {"learning_rate": {"factor": 1e30}}},
        "network_size": SIZE,
    }
    with pytest.raises(FailedTrainingsError, match="6 of the trainings failed: "):
        run("network_size", **options)
    found = json.loads((data / "08_reporting/network_size.json").read_text())
    rows = {(row["network"], row["technique"]): row for row in found["rows"]}
    # Dense layers 784 x 32, 32 x 16 and 16 x 10; then 784 x 16, 16 x 8 and 8 x 10; with biases.
    reference, half = rows["mlp", "baseline"], rows["width_50_percent", "baseline"]
    assert reference["weights"] == 784 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    assert half["weights"] == 784 * 16 + 16 + 16 * 8 + 8 + 8 * 10 + 10
    assert reference["is_reference"]
    assert not half["is_reference"]
    assert 0 < half["seconds_low"] <= half["seconds"] <= half["seconds_high"]
    made = outcomes(data, "network_size")
    values = [
        made[f"{network}/baseline/draw_{draw}.json"][1]["test_accuracy"]
        for network in ("width_50_percent", "mlp")
        for draw in (1, 2, 3)
    ]
    assert half["difference"] == pytest.approx((sum(values[:3]) - sum(values[3:])) / 3)
    assert rows["mlp", "l2"]["failed"] == 3
    assert rows["mlp", "l2"]["weights"] is None
    told = capsys.readouterr().out
    assert "A description, not a verdict, which takes 5 draws" in told
    assert "failed: mlp.l2.draw_1, mlp.l2.draw_2, mlp.l2.draw_3 and 3 more (" in told
    assert "<svg" in (data / "08_reporting/network_size.html").read_text()


@pytest.mark.parametrize(
    ("pipeline", "changed", "what"),
    [
        (
            "learning_curve",
            {"learning_curve": {"sizes": "5 all"}},
            "5 images are fewer than the 10",
        ),
        ("network_size", {"network_size": {"scales": 1}}, "there is nothing to compare mlp with"),
        (
            "network_size",
            {"protocol": {"network": "mlp cnn"}},
            "--params=protocol.network=mlp takes the first",
        ),
    ],
)
def test_what_it_cannot_do_is_said_before_anything_is_trained(
    run: Run, tmp_path: Path, pipeline: str, changed: dict[str, Any], what: str
) -> None:
    with pytest.raises(StudyError, match=what):
        run(pipeline, **{"techniques": TECHNIQUES, **changed})
    assert not list((tmp_path / "data/07_model_output").glob("*/**/*draw_*.json"))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"learning_curve": {"techniques": "l2 drop"}}, "'drop' is not a technique; allowed: best"),
        ({"learning_curve": {"sizes": "100 many"}}, "learning_curve.sizes.1: must be a number of"),
        ({"learning_curve": {"draws": 2}}, "learning_curve.draws: must be at least 3"),
        ({"network_size": {"technique": "best_10"}}, "'best_10' is not a technique"),
        ({"network_size": {"networks": "mlp cnm"}}, "'cnm' is not an entry of networks"),
        ({"network_size": {"scales": "0.5 0.5"}}, "must name each once"),
        (
            {"protocol": {"epochs": 0}, "learning_curve": {"techniques": "drop"}},
            "protocol.epochs: must be at least 1(?s:.*)'drop' is not a technique",
        ),
    ],
)
def test_a_wrong_setting_is_one_line(run: Run, changed: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingsError, match=what) as raised:
        run("data", **changed)
    assert len(str(raised.value).splitlines()) == len(changed)
