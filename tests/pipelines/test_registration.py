"""All pipelines as Kedro sees them."""

from pathlib import Path
from typing import get_type_hints

import pytest
from kedro.framework.project import pipelines
from kedro.framework.startup import bootstrap_project

from regbench.runs.config_loader import StudyConfigLoader

PROJECT = Path(__file__).parents[2]


def test_kedro_can_resolve_the_annotations_of_every_node(monkeypatch: pytest.MonkeyPatch) -> None:
    # Otherwise it warns at the start of every run.
    monkeypatch.setattr(StudyConfigLoader, "latest", None)  # another test's
    bootstrap_project(PROJECT)
    functions = {node.func for pipeline in pipelines.values() for node in pipeline.nodes}
    assert len(functions) > 20
    for function in functions:
        assert "return" in get_type_hints(function)
