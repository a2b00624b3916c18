"""What checks are made of, against independent computations."""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from pydantic import Field
from sklearn.metrics import roc_auc_score
from tests.doctor.made_up import Study
from tests.study.base_study import BASE

from regbench.doctor import examine as examination
from regbench.doctor import pilot, told
from regbench.doctor.checks.rb206_parts_look_unlike import area_under_curve, features_of
from regbench.doctor.checks.rb207_probable_label_errors import contradicted_labels
from regbench.doctor.checks.rb304_strength_at_edge import strengths_at_edge
from regbench.doctor.commands import minutes_of, with_params
from regbench.doctor.words import names, price
from regbench.evaluation.results import Results
from regbench.regularizers.base import Range, Regularizer
from regbench.regularizers.registry import REGULARIZERS


def probabilities(labels: np.ndarray, flipped: np.ndarray, seed: int) -> np.ndarray:
    """A network's outputs for 3 classes: sure of the true class, which flipped labels are not."""
    random = np.random.default_rng(seed)
    true = np.where(flipped, (labels + 1) % 3, labels)
    logits = random.normal(0, 1, (len(labels), 3))
    logits[np.arange(len(labels)), true] += random.gamma(6, 1.5, len(labels))
    exponentials = np.exp(logits)
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def off_the_diagonal(labels: np.ndarray, outputs: np.ndarray) -> dict[int, int]:
    """Northcutt's confident joint, as equation 1 of the paper has it: the class by image."""
    thresholds = [outputs[labels == k, k].mean() for k in range(3)]
    found = {}
    for image, row in enumerate(outputs):
        above = [k for k in range(3) if row[k] >= thresholds[k]]
        if above:
            likely = max(above, key=lambda k: row[k])
            if likely != labels[image]:
                found[image] = likely
    return found


class TestLabelErrors:
    def test_are_those_of_the_confident_joint_of_nearly_every_network(self) -> None:
        random = np.random.default_rng(0)
        labels = random.integers(0, 3, 400)
        flipped = random.random(400) < 0.05
        outputs = [probabilities(labels, flipped, seed) for seed in range(10)]
        table = pd.concat(
            pd.DataFrame(
                {
                    "technique": "any",
                    "seed": seed,
                    "filename": [f"{image:03}" for image in range(400)],
                    "label": labels.astype(str),
                    "predicted": of.argmax(axis=1).astype(str),
                    "confidence": of.max(axis=1),
                    "label_probability": of[np.arange(400), labels],
                }
            )
            for seed, of in enumerate(outputs)
        )
        joints = [off_the_diagonal(labels, of) for of in outputs]
        expected = {}
        typical = np.median(np.mean([of[np.arange(400), labels] for of in outputs], axis=0))
        for image in range(400):
            answers = [joint[image] for joint in joints if image in joint]
            label_probability = np.mean([of[image, labels[image]] for of in outputs])
            for answer in set(answers):
                confidence = np.mean([of[image].max() for of in outputs])
                sure = confidence >= typical and label_probability <= 0.05
                if answers.count(answer) >= 9 and sure:
                    expected[f"{image:03}"] = str(answer)
        found = contradicted_labels(table)
        assert len(expected) >= 3
        assert dict(zip(found["filename"], found["other"], strict=True)) == expected
        assert all(flipped[int(name)] for name in found["filename"])

    def test_are_not_known_of_results_without_the_labels_probability(self) -> None:
        table = pd.DataFrame({"technique": ["a"], "seed": [1], "filename": ["x"], "label": ["a"]})
        assert contradicted_labels(table).empty


class TestPartsThatLookUnlike:
    def test_area_is_that_of_chance_for_images_drawn_alike(self) -> None:
        random = np.random.default_rng(0)
        areas = []
        for _ in range(10):
            images = random.integers(0, 255, (200, 8, 8, 1)).astype(np.uint8)
            areas.append(area_under_curve(features_of(images), np.repeat([0, 1], 100)))
        assert np.mean(areas) == pytest.approx(0.5, abs=0.06)
        assert max(areas) < 0.65

    def test_area_is_that_of_the_brightness_where_only_that_differs(self) -> None:
        random = np.random.default_rng(0)
        brightness = np.concatenate([random.normal(100, 10, 300), random.normal(115, 10, 300)])
        images = np.broadcast_to(brightness[:, None, None, None], (600, 8, 8, 1)).astype(np.uint8)
        is_judged = np.repeat([0, 1], 300)
        best = roc_auc_score(is_judged, images[:, 0, 0, 0])
        assert area_under_curve(features_of(images), is_judged) == pytest.approx(best, abs=0.05)

    @pytest.mark.parametrize("shape", [(5, 3, 1), (32, 40, 3), (1, 1, 1)])
    def test_features_are_finite_for_any_shape(self, shape: tuple[int, int, int]) -> None:
        images = np.random.default_rng(0).integers(0, 255, (4, *shape)).astype(np.uint8)
        features = features_of(images)
        assert len(features) == 4
        assert np.isfinite(features).all()
        small = min(shape[0], 8) * min(shape[1], 8) * shape[2]
        assert features[:, :small].mean() == pytest.approx((images / 255).mean(), abs=0.05)


class _Odd(Regularizer):
    """A regularizer with a range that ends where its own does."""

    title, effect, source = "odd", "none", "nobody"
    search: ClassVar = {"share": Range(0.1, 0.9), "factor": Range(1e-6, 1e-2, log=True)}

    share: float = Field(0.5, gt=0, lt=1)
    factor: float = Field(1e-4, ge=0)


class TestStrengths:
    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ({"share": 0.5, "factor": 1e-4}, []),
            ({"share": 0.9, "factor": 1e-4}, [("share", 0.9, 0.9, 0.95)]),
            ({"share": 0.05, "factor": 1e-4}, [("share", 0.05, 0.1, 0.05 / 3)]),
            ({"share": 0.5, "factor": 0.05}, [("factor", 0.05, 1e-2, 3 * 0.05)]),
            ({"share": 0.5, "factor": 1e-6}, [("factor", 1e-6, 1e-6, 1e-6 / 3)]),
        ],
    )
    def test_at_the_edge_have_a_value_further_on(
        self, values: dict[str, float], found: list[tuple[Any, ...]]
    ) -> None:
        at_edge = list(strengths_at_edge(_Odd, values))
        assert [each[0] for each in at_edge] == [each[0] for each in found]
        for one, other in zip(at_edge, found, strict=True):
            assert one[1:] == pytest.approx(other[1:])

    @pytest.mark.parametrize(
        ("values", "found"),
        [
            ({"share": 0.86, "factor": 1e-2}, [("share", 0.9)]),  # within a twentieth of 0.8
            ({"share": 0.85, "factor": 1e-2}, []),
            ({"share": 0.5, "factor": 0.8}, [("factor", 1.0)]),  # of four decades a fifth of one
            ({"share": 0.5, "factor": 0.5}, []),
            ({"share": 0.5, "factor": 1.5e-4}, [("factor", 1e-4)]),
        ],
    )
    def test_of_a_search_are_those_near_an_end_of_its_own_ranges(
        self, values: dict[str, float], found: list[tuple[str, float]]
    ) -> None:
        ranges = {"share": Range(0.1, 0.9), "factor": Range(1e-4, 1.0, log=True), "no": None}
        at_edge = strengths_at_edge(_Odd, values, ranges, near=0.05)
        assert [(setting, edge) for setting, _, edge, _ in at_edge] == found

    def test_of_nothing_that_is_off(self) -> None:
        shared = BASE["augmentation"]
        assert list(strengths_at_edge(REGULARIZERS["augmentation"], shared)) == []


@pytest.mark.parametrize(
    ("command", "changed", "options", "expected"),
    [
        ("uv run kedro run", {}, (), "uv run kedro run"),
        ("uv run kedro run", {"a.b": 3}, (), "uv run kedro run --params=a.b=3"),
        (
            "uv run kedro run --env=photos --params=images=x,a.b=1",
            {"a.b": 2, "c": "5 8"},
            ("--pipelines=data",),
            "uv run kedro run --env=photos '--params=images=x,a.b=2,c=5 8' --pipelines=data",
        ),
        (
            "uv run kedro run '--params=images=my photos'",
            {"a": 1},
            (),
            "uv run kedro run '--params=images=my photos,a=1'",
        ),
        (
            "uv run kedro run '--params=ingest.size=[32, 32],b=2'",
            {"b": 3},
            (),
            "uv run kedro run '--params=ingest.size=[32, 32],b=3'",
        ),
    ],
)
def test_a_command_with_other_parameters(
    command: str, changed: dict[str, Any], options: tuple[str, ...], expected: str
) -> None:
    assert with_params(command, changed, *options) == expected


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (None, "how long is not known before a training; --pipelines=pilot tells"),
        (0, "seconds, nothing is trained"),
        (0.2, "less than a minute"),
        (1, "about 1 minute"),
        (4.2, "about 5 minutes"),
        (120, "about 2.0 hours"),
        (60 * 2000, "about 2,000 hours"),
    ],
)
def test_a_price_in_words(minutes: float | None, said: str) -> None:
    assert price(minutes) == said


def test_minutes_are_those_of_the_trainings_so_far() -> None:
    evidence = Study().evidence()  # 3 techniques x 5 seeds, 60 seconds each, two at once
    assert evidence.minutes() == pytest.approx(3 * 5 / 2)
    assert evidence.minutes(["l2"], factor=2) == pytest.approx(5 * 2 / 2)
    assert evidence.minutes(["l2", "unknown"], trainings=3) == pytest.approx(3 / 2)
    assert minutes_of({"any": Results.none()}, 2) is None


def test_names_in_a_sentence() -> None:
    assert names(["a"]) == "a"
    assert names(["a", "b", "c"]) == "a, b and c"
    assert names(list("abcdef")) == "a, b, c, d and 2 others"


class TestFindingsInWords:
    def test_three_are_in_full_and_the_others_by_title(self) -> None:
        finding = {
            "code": "RB000",
            "title": "odd",
            "why": "It matters.",
            "seen": "3 things",
            "command": "uv run kedro run",
            "minutes": 2.0,
            "remark": "",
            "network": "cnn",
            "suspects": [{"filename": "a.png", "label": "a", "other": "b"}],
        }
        lines = told.terminal_lines([{**finding, "code": f"RB00{n}"} for n in range(5)])
        assert lines[0] == "The doctor has 5 findings."
        assert lines[1] == "RB000 (cnn): odd: 3 things. It matters."
        assert lines[2] == "  next: uv run kedro run (about 2 minutes)"
        assert lines[-1] == "And RB003 (cnn): odd; RB004 (cnn): odd."
        assert len(lines) == 2 + 2 * examination.MOST_SHOWN
        assert "- 'a.png': labelled 'a', rather 'b'" in told.as_markdown([finding])

    def test_nothing_to_say(self) -> None:
        assert told.terminal_lines([]) == ["The doctor has nothing to say."]
        assert told.codes_of([]) == ""


class TestPilot:
    def test_estimate_counts_the_first_epoch_once(self) -> None:
        trainings = pd.DataFrame(
            [
                {
                    "seed": 1,
                    "planned_epochs": 20,
                    "evaluation_seconds": 3.0,
                    "memory_bytes": 2_000_000_000,
                }
            ]
        )
        epochs = pd.DataFrame({"seed": 1, "epoch": [1, 2], "seconds": [10.0, 2.0]})
        none = Results.none()
        results = Results(trainings, epochs, none.predictions, none.measurements)
        found = pilot.estimate({"": results}, {"": 4}, least=5, most=20, side_by_side=2)
        whole = 10 + 19 * 2 + 3
        assert found["networks"][0]["seconds"] == pytest.approx(whole)
        assert found["trainings"] == [20, 80]
        assert found["minutes"] == pytest.approx([20 * whole / 2 / 60, 80 * whole / 2 / 60])
        assert found["memory"] == 4_000_000_000
        both = {"mlp": results, "cnn": results}
        found = pilot.estimate(both, {"mlp": 4, "cnn": 2}, least=1, most=2, side_by_side=2)
        assert found["trainings"] == [6, 12]
        assert found["minutes"] == pytest.approx([6 * whole / 2 / 60, 12 * whole / 2 / 60])

    def test_a_tenth_of_the_epochs_of_every_phase(self) -> None:
        phases = {"head": {"epochs": 5, "learning_rate": 0.1}, "fine_tune": {"epochs": 40}}
        network = {"kind": "pretrained", **phases}
        shorter = pilot.shortened_network(network)
        assert shorter["head"] == {"epochs": 1, "learning_rate": 0.1}
        assert shorter["fine_tune"] == {"epochs": 4}
        _, planned = pilot.shortened({**BASE["protocol"], "epochs": 7}, network, 100)
        assert planned == 45

    def test_a_schedule_that_needs_more_epochs_is_left_out(self) -> None:
        protocol = {**BASE["protocol"], "epochs": 20}
        stays, _ = pilot.shortened(protocol, {"kind": "mlp"}, 1000)
        assert stays["schedule"] == protocol["schedule"]
        assert (stays["epochs"], stays["checkpoint_minutes"]) == (2, None)
        warmed = {"name": "cosine", "warmup": 20, "unit": "steps"}
        left_out, _ = pilot.shortened({**protocol, "schedule": warmed}, {"kind": "mlp"}, 1000)
        assert left_out["schedule"] == {"name": "constant"}


def test_code_and_file_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regbench.doctor import registry
    from regbench.registry import DeclarationError

    package = "checks_of_another"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "_PACKAGE", package)
    registry.checks.cache_clear()
    try:
        first = next(iter(registry.checks.__wrapped__().values()), None)
        assert first is None
        (tmp_path / package / "rb999_odd.py").write_text("CHECK = 1\n")
        with pytest.raises(DeclarationError, match=r"rb999_odd.py: CHECK is to be a check with"):
            registry.checks.__wrapped__()
    finally:
        registry.checks.cache_clear()
