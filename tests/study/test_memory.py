"""Trainings that cannot fit into memory are one line with the numbers, before any begins."""

from collections.abc import Callable

import numpy as np
import pytest
from tests.study.base_study import BASE
from tests.study.test_fit import CNN, settings, told

from regbench.errors import StudyError
from regbench.networks.registry import network_of
from regbench.pipelines.data.nodes import check_network
from regbench.process import devices
from regbench.study.memory import Batch, memory_problem, memory_problem_of_ensemble
from regbench.study.reader import read_study

SHAPE = (32, 32, 3)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, int], None]:
    """Set the machine's memory in bytes, and how many trainings share it; it has no GPU."""

    def has(memory: float, trainings: int = 1) -> None:
        monkeypatch.setattr(devices, "gpus", list)
        monkeypatch.setattr(devices, "memory", lambda: int(memory))
        monkeypatch.setattr(devices, "trainings_at_once", lambda: trainings)

    return has


def said(parameters: int | None, kept: int | None, size: int, precision: str = "float32") -> str:
    return memory_problem(parameters, kept, Batch(SHAPE, size, precision)) or ""


def test_more_weights_than_memory(machine: Callable[..., None]) -> None:
    machine(20e6)
    assert said(1_000_000, None, 8) == ""
    assert said(1_000_001, 10, 8) == (
        "has 1,000,001 parameters for images of 32 x 32 x 3: training takes 0.0 GB of memory, and "
        "this machine has 0.0 GB; choose a smaller network or a smaller ingest.size"
    )


def test_a_batch_that_does_not_fit_names_the_largest_that_does(
    machine: Callable[..., None],
) -> None:
    machine(3e9)
    weights, kept = 50_000_000, 1_000_000  # 1 GB, and 4 MB an image
    assert said(weights, kept, 500) == ""
    assert said(weights, kept, 501) == (
        "a batch of 501 images of 32 x 32 x 3 takes at least 3.0 GB of memory in training, and "
        "this machine has 3.0 GB; set protocol.batch_size to 500 at most, or choose a smaller "
        "network or a smaller ingest.size"
    )
    assert said(weights, kept, 1000, "mixed_float16") == ""
    assert "batch_size to 1000 at most" in said(weights, kept, 1001, "mixed_bfloat16")


def test_an_image_that_does_not_fit_has_no_smaller_batch(machine: Callable[..., None]) -> None:
    machine(1e9)
    assert "machine has 1.0 GB; choose a smaller" in said(None, 10**9, 2)


def test_trainings_that_fit_alone_but_not_side_by_side(machine: Callable[..., None]) -> None:
    machine(25e9, 3)
    assert said(None, 2_000_000, 1000) == ""  # 8 GB each
    machine(20e9, 3)
    assert said(None, 2_000_000, 1000) == (
        "3 trainings at once, each with a batch of 1,000 images of 32 x 32 x 3, take at least "
        "24 GB of memory, and this machine has 20 GB; --runner-params=max_workers=2 in the command "
        "has fewer at once"
    )


def test_with_a_gpu_the_machines_memory_does_not_count(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(1e6)
    monkeypatch.setattr(devices, "gpus", lambda: ["0"])
    assert said(10**9, 10**9, 1000) == ""


def test_it_is_told_with_the_settings_where_these_have_the_size(
    machine: Callable[..., None],
) -> None:
    study = settings({"kind": "resnet"}, size=(512, 512))
    study["protocol"]["batch_size"] = 512
    machine(25e9)
    (line,) = told(study)
    assert line.startswith(
        "networks.mine: a batch of 512 images of 512 x 512 x 1 takes at least 198 GB of memory"
    )
    study["ingest"]["size"] = "auto"
    assert read_study(study)
    study["ingest"]["size"] = [64, 64]
    assert read_study(study)


def check(entry: dict[str, object], batch_size: int, side: int = 32) -> None:
    images = np.zeros((2, side, side, 3), np.uint8)
    trainings = {"baseline": {"regularizers": {}}}
    shared = {"zca": BASE["zca"], "augmentation": BASE["augmentation"]}
    check_network(images, ["a", "b"], entry, trainings, batch_size, "float32", **shared)


def test_it_is_told_once_the_images_are_there(machine: Callable[..., None]) -> None:
    network = network_of(CNN)
    kept, parameters = network.kept_values(SHAPE), network.parameters(SHAPE, 2)
    assert kept
    assert parameters
    machine(2e9)
    most = (2_000_000_000 - 20 * parameters) // (4 * kept)
    check(CNN, most)
    with pytest.raises(
        StudyError, match=rf"^parameters_networks.yml: cnn: a batch of {most + 1:,} "
    ):
        check(CNN, most + 1)
    machine(2e9, 2)
    with pytest.raises(StudyError, match=r"2 trainings at once, .*max_workers=1 in the command"):
        check(CNN, most)


def test_of_a_function_of_ones_own_it_is_told_once_it_is_built(
    machine: Callable[..., None],
) -> None:
    own = {"kind": "own", "function": "tests.networks.own_networks.with_hooks"}
    machine(1e9)
    check(own, 8)
    with pytest.raises(StudyError, match="own: a batch of 100,000 images of 32 x 32 x 3 takes at"):
        check(own, 100_000)


def test_an_ensembles_networks_count(machine: Callable[..., None]) -> None:
    machine(60e6)
    assert memory_problem_of_ensemble(1_000_000, 6) is None  # 20 MB, and 8 MB for each more
    assert memory_problem_of_ensemble(None, 50) is None
    assert memory_problem_of_ensemble(1_000_000, 7) == (
        "holds 7 networks of 1,000,000 parameters each: training takes 0.1 GB of memory, and this "
        "machine has 0.1 GB; set fewer, or choose a smaller network"
    )
    machine(100e6, 2)
    assert "2 trainings at once take" in str(memory_problem_of_ensemble(1_000_000, 6))


def test_an_ensemble_too_large_is_told_before_anything_is_trained(
    machine: Callable[..., None],
) -> None:
    network = network_of(CNN)
    parameters = network.parameters(SHAPE, 10)
    assert parameters is not None
    machine(3 * 20 * parameters)
    told_of = {
        "small": {"technique": "small", "regularizers": {}},
        "bags": {"technique": "bags", "regularizers": {"bagging": 50}},
    }
    images = np.zeros((4, *SHAPE), dtype=np.uint8)
    with pytest.raises(StudyError, match=r"techniques\.bags\.bagging: holds 50 networks") as error:
        check_network(images, list("0123456789"), CNN, told_of, 1, "float32")
    assert "--params=techniques.bags=null" in str(error.value)
