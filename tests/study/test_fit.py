"""What of a study's settings does not fit, before the images are read and after."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.study.base_study import BASE, problems

from regbench.errors import StudyError
from regbench.networks.registry import network_of
from regbench.pipelines.data.nodes import check_network
from regbench.regularizers.registry import REGULARIZERS
from regbench.study import fingerprints
from regbench.study.fingerprints import fingerprints_of_techniques, training_code
from regbench.study.fit import check_split
from regbench.study.reader import read_study

CNN = {"kind": "cnn", "filters": [4, 4, 4]}
PHASE = {"epochs": 4, "learning_rate": 0.1}
SMALL = {"kind": "pretrained", "application": "MobileNetV2", "alpha": 0.35, "weights": None}


def settings(network: dict[str, Any], size: Any = (28, 28), **techniques: Any) -> dict[str, Any]:
    return {
        **BASE,
        "networks": {"mine": network},
        "protocol": {**BASE["protocol"], "network": "mine"},
        "ingest": {**BASE["ingest"], "size": list(size), "mode": "L"},
        "techniques": {"baseline": {}, **techniques},
    }


def told(parameters: dict[str, Any]) -> list[str]:
    return [f"{'.'.join(found.path)}: {found.message}" for found in problems(parameters)]


@pytest.mark.parametrize(
    ("network", "technique", "said"),
    [
        (CNN, "batch_normalization", "a cnn with normalization: batch has it already"),
        (
            {"kind": "resnet"},
            "batch_normalization",
            "a resnet with batch normalization has it already",
        ),
        (
            SMALL,
            "batch_normalization",
            "a network of kind pretrained has no place for its layers",
        ),
        (SMALL, "zca", "a network of kind pretrained has no place for its layers"),
    ],
)
def test_a_technique_that_means_nothing_is_told(
    network: dict[str, Any], technique: str, said: str
) -> None:
    assert told(settings(network, some={technique: True})) == [
        f"techniques.some.{technique}: {said}"
    ]


def test_what_means_nothing_in_grey_may_mean_something_as_long_as_images_decide() -> None:
    parameters = settings(CNN, some={"colour_jitter": {"hue": 0.1}})
    (line,) = told(parameters)
    assert "techniques.some.colour_jitter: grey images have no colours: leave out hue;" in line
    parameters["ingest"]["mode"] = "auto"
    read_study(parameters)


@pytest.mark.parametrize(
    ("warmup", "network", "of"),
    [
        (15, CNN, "15 epochs, not 15"),
        (9.5, CNN, None),
        (2.5, {**SMALL, "head": PHASE, "fine_tune": {**PHASE, "epochs": 3, "from": 0.5}}, None),
        (4, {**SMALL, "head": PHASE}, "4 epochs of the network's phase head, not 4"),
        (
            3,
            {**SMALL, "head": PHASE, "fine_tune": {**PHASE, "epochs": 2, "from": 0.5}},
            "2 epochs of the network's phase fine_tune, not 3",
        ),
    ],
)
def test_a_warmup_as_long_as_a_training_or_a_phase_is_told(
    warmup: float, network: dict[str, Any], of: str | None
) -> None:
    study = settings(network)
    study["protocol"]["schedule"] = {"name": "cosine", "warmup": warmup}
    if of is None:
        assert read_study(study)
    else:
        assert told(study) == [f"protocol.schedule.warmup: must be less than the {of}"]


def test_whitening_of_large_images_is_told() -> None:
    study = settings(CNN, size=(64, 64), white={"zca": True})
    assert read_study(study)
    study["ingest"]["mode"] = "RGB"
    assert told(study) == [
        "techniques.white.zca: whitens at most 4096 values an image; 64 x 64 x 3 are 12288: set a "
        "smaller ingest.size"
    ]


def test_two_averages_of_the_weights_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("l1", "l2"):
        monkeypatch.setattr(REGULARIZERS[key], "averages_weights", True)
    assert read_study(settings(CNN, one={"l1": 0.1, "dropout": 0.1}, other={"l2": 0.1}))
    assert told(settings(CNN, both={"l1": 0.1, "dropout": 0.1, "l2": 0.1})) == [
        "techniques.both: l1 and l2 each average the weights: a technique can have one of them"
    ]


@pytest.mark.parametrize(
    ("technique", "said"),
    [
        (
            {"batch_normalization": True, "group_normalization": True},
            "batch_normalization and group_normalization each normalize the activations",
        ),
        (
            {"layer_normalization": True, "spectral_norm": 1, "weight_standardization": True},
            "spectral_norm and weight_standardization each compute the kernels anew",
        ),
    ],
)
def test_two_of_which_one_is_the_most_are_told(technique: dict[str, Any], said: str) -> None:
    study = settings({**CNN, "normalization": "none"}, both=technique)
    assert told(study) == [f"techniques.both: {said}: a technique can have one of them"]


def test_two_ensembles_are_told() -> None:
    assert read_study(settings(CNN, one={"bagging": 2, "dropout": 0.1}, other={"boosting": 2}))
    assert told(settings(CNN, both={"bagging": 2, "dropout": 0.1, "boosting": 2})) == [
        "techniques.both: bagging and boosting each train several networks: a technique can have "
        "one of them"
    ]


def test_an_ensemble_that_does_not_suit_the_protocol_is_told() -> None:
    study = settings(CNN, some={"snapshot_ensemble": 5}, stacked={"stacking": True})
    assert read_study(study)
    study["protocol"] |= {"epochs": 4}
    study["protocol"]["split"] = {**study["protocol"]["split"], "method": "stratified"}
    assert told(study) == [
        "techniques.some.snapshot_ensemble: needs an epoch for each of its 5 cycles, and "
        "protocol.epochs is 4: set fewer cycles, or more epochs"
    ]
    study["protocol"] |= {"epochs": 5}
    study["protocol"]["split"] |= {"train": 0.8, "validation": 0.2, "test": 0.0}
    assert told(study) == [
        "techniques.stacked.stacking: stacking is fitted on the validation images, and without "
        "test images it would be judged by them; set protocol.split.test above 0"
    ]
    study["protocol"]["split"]["method"] = "auto"  # the set may have test images: known later
    assert read_study(study)
    with pytest.raises(StudyError, match="judged by them"):
        check_split([REGULARIZERS["stacking"]()], is_tested=False)
    check_split([REGULARIZERS["stacking"]()], is_tested=True)
    phases = settings({**SMALL, "head": PHASE}, some={"snapshot_ensemble": 2})
    assert told(phases) == [
        "techniques.some.snapshot_ensemble: means nothing for a network with phases (head), which "
        "have epochs of their own"
    ]


def test_the_version_of_a_library_that_fits_counts_where_it_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    study = read_study(settings(CNN, stacked={"stacking": True}, seeds={"seed_ensemble": 2}))
    before = fingerprints_of_techniques(study)
    version = fingerprints.version
    monkeypatch.setattr(
        fingerprints, "version", lambda name: "0" if name == "scikit-learn" else version(name)
    )
    after = fingerprints_of_techniques(study)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"stacked"}


def test_a_plateau_is_of_the_metric_that_decides() -> None:
    study = settings(CNN)
    study["protocol"]["schedule"] = {"name": "plateau"}
    study["reporting"] = {**study["reporting"], "metric": "macro_f1"}
    assert read_study(study).as_parameters()["protocol"]["schedule"]["monitor"] == (
        "validation_macro_f1"
    )


def test_images_too_small_for_the_network_are_told() -> None:
    (line,) = told(settings(CNN, size=(3, 28)))
    assert line.startswith("networks.mine: pools 2 times by 2: images must be at least 4 x 4 ")


def test_what_only_the_images_tell_is_no_problem_yet() -> None:
    study = settings(CNN, white={"zca": True})
    study["ingest"]["size"] = "auto"
    assert read_study(study).image_shape is None
    study["ingest"] |= {"size": [65, 64], "mode": "auto"}  # too large even in grey
    (line,) = told(study)
    assert line.startswith(
        "techniques.white.zca: whitens at most 4096 values an image; 65 x 64 x 1"
    )


def test_unknown_keys_in_a_group_of_settings_are_told_with_its_own() -> None:
    network = {**SMALL, "fine_tune": {"from": 1, "epochs": 1, "learning_rate": 1, "rate": 2}}
    (line,) = told(settings(network))
    allowed = "from, epochs, learning_rate, batch_normalization"
    assert line.startswith(f"networks.mine.fine_tune.rate: unknown key; allowed: {allowed}")


def test_a_file_of_weights_that_is_not_there_is_told(tmp_path: Path) -> None:
    path = tmp_path / "gone.h5"
    assert told(settings({**SMALL, "weights": str(path)})) == [
        f"networks.mine.weights: there is no file {path}"
    ]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "there is no module own_for_a_test; `src` and PYTHONPATH are searched"),
        ("def other(): ...", "own_for_a_test has no build"),
        ("def build(:", "own_for_a_test cannot be read: invalid syntax"),
    ],
)
def test_a_function_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str | None, said: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    _forget()
    if code is not None:
        (tmp_path / "own_for_a_test.py").write_text(code)
    entry = {"kind": "own", "function": "own_for_a_test.build"}
    (line,) = told(settings(entry))
    assert line.startswith(f"networks.mine.function: {said}")


def _forget() -> None:
    """Let modules be looked for and read anew, and forget what is read at the end."""
    from regbench.study import code

    for name in ("_path", "_own_folder", "statements_of", "digest_of_code"):
        getattr(code, name).cache_clear()


def digests(parameters: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = fingerprints_of_techniques(read_study(parameters))["baseline"][
        "training"
    ]
    return found


def test_a_users_code_counts_and_so_does_what_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    own, beside = tmp_path / "own_for_a_test.py", tmp_path / "beside_for_a_test.py"
    beside.write_text("FILTERS = 3\n")
    own.write_text("def build(shape, classes, hooks):\n    from beside_for_a_test import FILTERS\n")
    study = settings({"kind": "own", "function": "own_for_a_test.build"})
    seen = []
    changes = [
        (own, own.read_text()),
        (own, own.read_text() + "    # a comment\n"),
        (beside, "FILTERS = 4\n"),
        (own, own.read_text() + "    return FILTERS\n"),
    ]
    for file, content in changes:
        file.write_text(content)
        _forget()
        seen.append(digests(study)["training"])
    _forget()
    assert seen[0] == seen[1]
    assert len(set(seen)) == 3
    network = network_of({"kind": "own", "function": "own_for_a_test.build"})
    assert "own_for_a_test:build" in training_code(
        read_study(study).techniques["baseline"], network
    )


def test_the_content_of_a_file_of_weights_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    study = settings({**SMALL, "weights": str(path)})
    seen = []
    for content in (b"one", b"other"):
        path.write_bytes(content)
        seen.append(digests(study))
    assert seen[0]["protocol"] != seen[1]["protocol"]
    assert seen[0]["training"] == seen[1]["training"]


class TestOnceTheImagesAreThere:
    def check(
        self, shape: tuple[int, int, int], network: dict[str, Any], **techniques: Any
    ) -> None:
        trainings = {name: {"regularizers": entry} for name, entry in techniques.items()}
        shared = {"zca": BASE["zca"], "augmentation": BASE["augmentation"]}
        images = np.zeros((2, *shape), np.uint8)
        check_network(images, ["a", "b"], network, trainings, 8, "float32", **shared)

    def test_what_fits_is_no_error(self) -> None:
        self.check((8, 8, 3), CNN, all={"l2": 0.1, "dropout": 0.5, "augmentation": True})

    def test_what_grey_images_lack_is_told(self) -> None:
        jitter = {"some": {"colour_jitter": {"hue": 0.1}}}
        self.check((8, 8, 3), CNN, **jitter)
        with pytest.raises(StudyError, match="grey images have no colours: leave out hue"):
            self.check((8, 8, 1), CNN, **jitter)

    def test_all_that_does_not_fit_is_told(self) -> None:
        with pytest.raises(StudyError) as caught:
            self.check((3, 64, 3), CNN, white={"zca": True}, norm={"batch_normalization": True})
        lines = [line.strip() for line in caught.value.message.splitlines()]
        assert len(lines) == 2
        assert lines[0].startswith("parameters_networks.yml: cnn: pools 2 times by 2: ")
        assert lines[1] == (
            "parameters_techniques.yml: techniques.norm.batch_normalization: a cnn with "
            "normalization: batch has it already; --params=techniques.norm=null in the command "
            "goes without"
        )

    def test_what_a_network_does_with_the_images_is_said(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        self.check((8, 8, 1), SMALL)
        assert "MobileNetV2: images of 8 x 8 are resized to 32 x 32 inside" in caplog.text

    def test_techniques_that_a_function_leaves_out_are_named(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        function = "tests.networks.own_networks.without_hooks"
        entry = {"kind": "own", "function": function}
        self.check((8, 8, 3), entry, wet={"dropout": 0.5}, l2={"l2": 0.1}, both={"dropout": 0.1})
        (record,) = caplog.records
        assert record.levelno == logging.WARNING
        assert record.getMessage() == (
            f"{function} (parameters_networks.yml) does not call the hooks for the layers of "
            "dropout: docs/your-network.md; these techniques cannot be trained: wet, both; "
            "--params=techniques.wet=null,techniques.both=null in the command goes without"
        )

    def test_a_phase_of_layers_that_there_are_not_is_told(self) -> None:
        tuned = {"from": "blok", "epochs": 1, "learning_rate": 1.0}
        with pytest.raises(StudyError, match=r"fine_tune\.from: no layer of MobileNetV2 begins"):
            self.check((32, 32, 3), {**SMALL, "fine_tune": tuned})
