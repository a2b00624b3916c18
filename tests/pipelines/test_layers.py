"""The layers of the graph in kedro-viz: in a circle of layers it shows none of them."""

from collections import defaultdict
from pathlib import Path

import pytest
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline import Pipeline

from regbench.runs.config_loader import StudyConfigLoader

PROJECT = Path(__file__).parents[2]


def edges_in_the_graph(pipeline: Pipeline) -> dict[str, set[str]]:
    """What leads where: nodes, and the boxes of namespaces as kedro-viz draws them."""
    edges = defaultdict(set)
    boxes = defaultdict(list)
    for node in pipeline.nodes:
        for name in node.inputs:
            edges[name].add(f"node {node.name}")
        edges[f"node {node.name}"].update(node.outputs)
        if node.namespace:
            boxes[node.namespace.split(".")[0]].append(node)
    for name, nodes in boxes.items():
        inside = Pipeline(nodes)
        for given in inside.inputs():
            edges[given].add(f"box {name}")
        elsewhere = {given for node in pipeline.nodes if node not in nodes for given in node.inputs}
        edges[f"box {name}"] |= inside.outputs() | (inside.all_outputs() & elsewhere)
    return edges


def test_no_layer_leads_back_to_one_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StudyConfigLoader, "latest", None)  # another test's
    bootstrap_project(PROJECT)
    with KedroSession.create(PROJECT) as session:
        catalog = session.load_context().catalog
        pipeline = pipelines["__default__"]
        edges = edges_in_the_graph(pipeline)
        layers = {}
        for dataset in pipeline.datasets():
            found = catalog.get(dataset)
            if viz := (getattr(found, "metadata", None) or {}).get("kedro-viz"):
                layers[dataset] = viz["layer"]
    assert len(set(layers.values())) > 2
    for start, layer in layers.items():
        seen, waiting = {start}, [start]
        while waiting:
            for after in edges[waiting.pop()] - seen:
                assert layers.get(after, layer) >= layer, f"{start} leads to {after}"
                seen.add(after)
                waiting.append(after)
