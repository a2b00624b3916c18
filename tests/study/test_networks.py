"""Networks of a study: their kinds and settings, and what means nothing for one."""

from typing import Any

import pytest
from tests.study.base_study import BASE

from regbench.networks.kinds.mlp import Mlp
from regbench.networks.registry import NETWORKS
from regbench.regularizers.dropout import Dropout
from regbench.study.problems import InvalidStudy, Problem
from regbench.study.reader import read_study


def problems(**changes: Any) -> list[Problem]:
    with pytest.raises(InvalidStudy) as caught:
        read_study({**BASE, **changes})
    return caught.value.problems


def test_the_one_that_is_named_is_trained() -> None:
    small = {"kind": "mlp", "hidden_units": [3], "activation": "tanh"}
    protocol = {**BASE["protocol"], "network": "small"}
    study = read_study(
        {**BASE, "networks": {**BASE["networks"], "small": small}, "protocol": protocol}
    )
    assert study.network == Mlp(hidden_units=[3], activation="tanh")
    assert study.as_parameters()["network"] == {**small, "initializer": "glorot"}


@pytest.mark.parametrize("entry", [None, 3, "mlp", ["mlp"]])
def test_an_entry_is_a_mapping(entry: object) -> None:
    (problem,) = problems(networks={**BASE["networks"], "small": entry})
    assert problem == Problem(("networks", "small"), f"must be a mapping, not {entry!r}")


@pytest.mark.parametrize("kind", [None, 3, "mpl", ["mlp"]])
def test_a_kind_is_one_that_there_is(kind: object) -> None:
    (problem,) = problems(networks={**BASE["networks"], "small": {"kind": kind}})
    assert problem.path == ("networks", "small", "kind")
    assert problem.message.startswith(
        f"{kind!r} is no kind of network; allowed: {', '.join(NETWORKS)}"
    )


def test_a_regularizer_that_means_nothing_for_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def problem(self: Dropout, network: str, image_shape: tuple[int, int, int]) -> str:
        return f"means nothing for {network} on {image_shape}"

    monkeypatch.setattr(Dropout, "problem", problem)
    found = problems(ingest={**BASE["ingest"], "size": 28, "mode": "L"})
    assert {found.path for found in found} == {
        ("techniques", name, "dropout")
        for name in ("dropout", "zca_dropout", "dropout_augmentation")
    }
    assert {found.message for found in found} == {"means nothing for mlp on (28, 28, 1)"}
