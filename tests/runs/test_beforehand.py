"""What the last of several pipelines lacks is told before the first is run."""

import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.pipeline import Node, Pipeline
from tests.pipelines.test_prediction import FINGERPRINTS, PREPARATION, STORED, UNTRAINED, results

from regbench.errors import StudyError
from regbench.networks.formats import registry
from regbench.runs.beforehand import check_beforehand


def making(*names: str) -> Pipeline:
    """Return a pipeline that makes these datasets."""
    return Pipeline([Node(lambda: None, None, name, name=name) for name in names])


def check(
    pipeline: Pipeline, *, prediction: str = "best", refit: str = "best", export: str = "litert"
) -> None:
    parameters = {
        "fingerprints": FINGERPRINTS,
        "preparation": PREPARATION,
        "protocol": {"seeds": [1, 2]},
        "prediction": {"technique": prediction, "network": "best"},
        "refit": {"technique": refit, "network": "best"},
        "export": {"formats": [export]},
        "reporting": {"metric": "accuracy"},
        "command": "uv run kedro run",
    }
    stored = {
        "parameters": parameters,
        "data_fingerprint": STORED,
        "baseline_results": results(0.7, 0.8),
        "l2_results": UNTRAINED,
    }
    check_beforehand(
        pipeline, DataCatalog({name: MemoryDataset(value) for name, value in stored.items()})
    )


def test_a_technique_that_is_not_trained() -> None:
    both = making("refit_plan", "chosen_network")
    with pytest.raises(
        StudyError, match=r"^prediction\.technique: l2 is not trained; .*=l2 trains"
    ):
        check(both, prediction="l2")
    with pytest.raises(StudyError, match=r"^refit\.technique: l2 is not trained; .*=l2 trains"):
        check(both, refit="l2")
    check(both)
    check(both, prediction="baseline", refit="baseline")
    check(making("refit_plan"), prediction="l2")  # which takes no part
    check(making("chosen_network", "l2_results"), prediction="l2")  # trained first


def test_a_package_of_a_format_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda _: None)
    with pytest.raises(StudyError, match=r"export\.formats: onnx needs .* nothing was exported"):
        check(making("refit_plan", "network_facts"), export="onnx")
    check(making("refit_plan"), export="onnx")
