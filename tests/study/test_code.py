"""Digests of code: they change with a statement that a result depends on, and only with those."""

import importlib.metadata
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

from regbench.study import code as study_code
from regbench.study.fingerprints import (
    EVALUATION_CODE,
    PREPARATION_CODE,
    digest_of_decoding,
    digests_of_preparation,
    fingerprints_of_techniques,
    training_code,
)
from regbench.study.reader import read_study

CONF = Path(__file__).parents[2] / "conf" / "base"
STUDY = read_study(
    {
        key: value
        for path in (CONF / "globals.yml", *sorted(CONF.glob("parameters*.yml")))
        for key, value in yaml.safe_load(path.read_text()).items()
    }
)
Edit = Callable[..., None]


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Replace a module's source code, for fingerprints only."""
    read = study_code._source
    edited: dict[str, str] = {}
    monkeypatch.setattr(study_code, "_source", lambda module: edited.get(module) or read(module))

    def change(module: str, old: str, new: str) -> None:
        name = f"regbench.{module}"
        source = edited.get(name) or read(name)
        assert old in source, f"{module}.py no longer has {old!r}"
        edited[name] = source.replace(old, new, 1)
        _read_again()

    _read_again()
    yield change
    _read_again()


def _read_again() -> None:
    study_code.statements_of.cache_clear()
    study_code.digest_of_code.cache_clear()


def code(technique: str = "dropout_augmentation") -> tuple[str, str]:
    """The digests of a technique's code, of training and of evaluation."""
    digests = fingerprints_of_techniques(STUDY)[technique]
    return digests["training"]["training"], digests["evaluation"]


class TestCode:
    @pytest.mark.parametrize(
        ("module", "old", "new", "training", "evaluation"),
        [
            ("training.optimizers", "assign_add(1.0)", "assign_add(2.0)", True, False),
            ("optimization.schedules", "math.cos", "math.sin", True, False),
            ("training.step", "assign_add(1)", "assign_add(2)", True, False),
            ("networks.base", "name=LOGITS", 'name="logits"', True, True),  # of whose weights
            ("networks.kinds.mlp", "import ", "import os\nimport ", True, False),
            ("regularizers.dropout", "import ", "import os\nimport ", True, False),
            ("regularizers.l2", "import ", "import os\nimport ", False, False),  # not its own
            ("regularizers.zca", "import ", "import os\nimport ", False, False),
            ("images.normalization", "return ", "print()\n    return ", True, False),
            ("regularizers.computations.affine_maps", "import ", "import os\nimport ", True, False),
            (
                "evaluation.figures.near_zero_share",
                "NEAR_ZERO = 1e-3",
                "NEAR_ZERO = 1e-2",
                False,
                True,
            ),
            # Every epoch's accuracy is measured with it, and may end the training.
            ("evaluation.classification", "bins: int = 15", "bins: int = 10", False, True),
            ("evaluation.corruption", "_SCALE = 0.7", "_SCALE = 0.6", False, True),
            ("metrics.macro_f1", "import ", "import os\nimport ", True, True),
            ("evaluation.pruning", "SHARES = (0.5,", "SHARES = (0.6,", False, True),
        ],
    )
    def test_a_changed_statement_counts(
        self, edit: Edit, module: str, old: str, new: str, training: bool, evaluation: bool
    ) -> None:
        before = code()
        edit(module, old, new)
        after = code()
        assert (before[0] != after[0], before[1] != after[1]) == (training, evaluation)

    @pytest.mark.parametrize(
        ("module", "old", "new"),
        [
            # Of the module, of a function and of a class; a comment; and layout.
            ("training.train", '"""The training loop. ', '"""The loop. '),
            ("training.train", '"""Train a network in place', '"""Train it in place'),
            ("training.train", '"""The images of a split part', '"""The images of a part'),
            (
                "training.step",
                "# The most batches, and bytes of images,",
                "# The most batches and bytes",
            ),
            ("training.step", "_BATCHES_A_CALL = 16", "# so many\n\n_BATCHES_A_CALL = (16)"),
            (
                "evaluation.figures.near_zero_share",
                "NEAR_ZERO = 1e-3",
                "NEAR_ZERO  =  1e-3  # small",
            ),
            ("evaluation.pruning", '"""Accuracy of a network', '"""A network\'s accuracy'),
        ],
    )
    def test_comments_docstrings_and_layout_do_not(
        self, edit: Edit, module: str, old: str, new: str
    ) -> None:
        before = code()
        edit(module, old, new)
        assert code() == before

    def test_what_a_regularizer_says_for_readers_does_not(self, edit: Edit) -> None:
        before = code()
        edit("regularizers.dropout", 'title = "dropout"', 'title = "to drop out"')
        edit("regularizers.dropout", "on MNIST", "on digits")
        assert code() == before
        edit("regularizers.dropout", 'shorthand = "rate"', "shorthand = None")
        assert code() != before

    def test_a_text_that_is_no_docstring_counts(self, edit: Edit) -> None:
        edit("networks.base", 'LOGITS = "logits"', 'LOGITS = "logits"\nTEXT = "one"')
        before = code()
        edit("networks.base", 'TEXT = "one"', 'TEXT = "two"')
        assert code() != before

    @pytest.mark.parametrize(
        "module",
        [
            "report.text_table",
            "comparison.compare",
            "report.sentences",
            "comparison.statistics",
            "report.plots.confusion",
            "history.table",
            "runs.runner",
            "images.ingest",
            "training.events",
            "errors",
        ],
    )
    def test_that_neither_trains_nor_evaluates_does_not_count(
        self, edit: Edit, module: str
    ) -> None:
        before = code()
        edit(module, "import ", "import os\nimport ")
        assert code() == before

    @pytest.mark.parametrize("library", ["keras", "numpy", "tensorflow"])
    def test_another_version_of_a_library_counts(
        self, edit: Edit, library: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = code()
        version = importlib.metadata.version
        monkeypatch.setattr(
            study_code, "version", lambda name: "0.1" if name == library else version(name)
        )
        _read_again()
        after = code()
        assert after[0] != before[0]
        assert after[1] != before[1]

    def test_a_module_that_is_gone_is_an_error(self) -> None:
        with pytest.raises(ModuleNotFoundError, match=r"regbench\.nothing"):
            study_code.digest_of_code("regbench.nothing")

    def test_a_function_that_is_gone_is_an_error(self) -> None:
        with pytest.raises(AttributeError, match=r"regbench\.images\.split has no nothing"):
            study_code.digest_of_code("regbench.images.split:nothing")


class TestCodeOfPreparation:
    @pytest.mark.parametrize(
        ("module", "old", "expected"),
        [
            ("images.plain_png", "import ", {"ingest"}),
            ("images.sources.base", "import ", {"ingest"}),
            ("images.sources.folder", "import ", {"ingest"}),
            ("images.sources.zip", "import ", {"ingest"}),
            ("images.sources.tar", "import ", {"ingest"}),
            ("images.sources.array_formats", "import ", {"ingest"}),
            ("images.image_shape", "import ", {"ingest"}),
            ("images.batch_decoder", "import ", {"ingest"}),
            ("images.sources.store", "import ", {"ingest"}),
            ("images.known_files", "import ", {"ingest"}),
            ("images.decode", "import ", {"ingest"}),
            ("images.picture_files", "import ", {"ingest"}),
            ("images.layout.recognize", "import ", {"ingest"}),
            ("images.layout.words", "import ", {"ingest"}),
            ("images.layout.read_table", "import ", {"ingest"}),
            ("images.duplicates", "import ", {"ingest"}),
            ("images.split", "import ", {"split"}),
            ("images.normalization", "import ", {"normalization", "zca", "augmentation"}),
            ("regularizers.computations.affine_maps", "import ", {"augmentation"}),
            ("regularizers.zca", "import ", {"zca"}),
            ("evaluation.corruption", "import ", {"evaluation"}),
            ("report.plots.contact_sheet", "import ", {"augmentation", "evaluation"}),
            # Of the nodes' module only what the node at hand needs.
            ("pipelines.data.nodes", "ingestion.ingest_labeled(", {"ingest"}),
            ("pipelines.data.nodes", "np.flatnonzero(", {"normalization", "zca"}),
            ("pipelines.data.nodes", "duplicates.count_duplicates(", set()),
            ("report.page", "import ", set()),
            ("training.train", "import ", set()),
            ("storage.remote", "import ", set()),
        ],
    )
    def test_a_changed_statement_makes_stale_what_it_leads_to(
        self, edit: Edit, module: str, old: str, expected: set[str]
    ) -> None:
        before = digests_of_preparation(STUDY)
        edit(module, old, "import os\nimport " if old == "import " else f"print() or {old}")
        after = digests_of_preparation(STUDY)
        assert {key for key in before if before[key] != after[key]} == expected

    @pytest.mark.parametrize("module", ["decode", "plain_png", "sources.base"])
    def test_what_decodes_a_picture_counts_for_its_pixels(self, edit: Edit, module: str) -> None:
        before = digest_of_decoding(STUDY.ingest)
        edit(f"images.{module}", "import ", "import os\nimport ")
        assert digest_of_decoding(STUDY.ingest) != before


PACKAGE = {  # somebody else's
    "__init__": "",
    "whole": "import mynets.one\nimport mynets.two as t, os\nfrom mynets import three",
    "one": "from mynets.four import name",
    "two": "def f():\n    from .inner import five",
    "three": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import mynets.six",
    "four": "import numpy\nname = 1",
    "six": "",
    "inner/__init__": "",
    "inner/five": "from ..seven import x\nfrom . import eight",
    "inner/eight": "",
    "seven": "x = 1",
    "some": """
from mynets import one as used, six as unused
A = 1
B = A
C = 2
def helper():
    return B
def build():
    '''Build.'''
    return helper(used.name)
def other():
    return C, unused
""",
}


class TestFollowingImports:
    @pytest.fixture(autouse=True)
    def package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        for name, source in PACKAGE.items():
            path = tmp_path / "mynets" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        yield
        study_code._path.cache_clear()
        _read_again()

    def test_every_way_to_import_is_followed(self) -> None:
        found = {
            name.removeprefix("mynets.") for name in study_code.reachable_statements("mynets.whole")
        }
        assert found == {
            *("whole", "one", "two", "three", "four"),
            *("inner.five", "inner.eight", "seven"),
        }

    def test_of_a_functions_module_only_what_it_needs(self) -> None:
        found = study_code.reachable_statements("mynets.some:build")
        assert set(found) == {"mynets.some", "mynets.one", "mynets.four"}
        bound = {name for statement in found["mynets.some"] for name in statement.binds}
        assert bound == {"used", "A", "B", "helper", "build"}

    def test_a_package_is_all_modules_in_it(self) -> None:
        assert set(study_code.reachable_statements("mynets.inner")) == {
            *("mynets.inner", "mynets.inner.five", "mynets.inner.eight", "mynets.seven")
        }

    def test_nothing_is_imported(self) -> None:
        study_code.digest_of_code("mynets", "regbench.training.train")
        assert not any(name.startswith("mynets") for name in sys.modules)


RUNS_THE_NODES = """
import sys
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from regbench.pipelines import data, training
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS

given = {
    "techniques": {"mine": {"zca": True, "augmentation": {}, "dropout": 0.5}},
    "networks": {"mlp": {"hidden_units": [4]}},
    "protocol": {"epochs": 1, "seeds": 1},
}
loader = StudyConfigLoader(str(PROJECT / "conf"), runtime_params=given, **CONFIG_LOADER_ARGS)
parameters, study = loader["parameters"], loader.study()
trains = training.create_pipeline("mine", study.techniques["mine"], study.stages)
pipeline = (data.create_pipeline(with_zca=True) + trains).to_outputs(
    "mine.seed_1.metrics", "augmentation_preview", "corruption_preview"
)
before = set(sys.modules)

from regbench.images.sources.open import open_source

from pathlib import Path
from regbench.storage.stored_file import LocalFile

values = {"labeled_images": open_source(sys.argv[1]), "earlier_ingestion": None}
values["checkpoints"] = LocalFile(Path("no_checkpoints"))
for name in pipeline.inputs() - values.keys():
    value = parameters
    for key in name.removeprefix("params:").split("."):
        value = value[key]
    values[name] = value
catalog = DataCatalog({name: MemoryDataset(values[name], copy_mode="assign") for name in values})
SequentialRunner().run(pipeline, catalog)
new = {name for name in set(sys.modules) - before if name.startswith("regbench.")}
print()
print(*(name for name in new if not hasattr(sys.modules[name], "__path__")))  # no packages
"""


def test_all_that_the_nodes_import_is_followed(small_set: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUNS_THE_NODES, str(small_set)],
        capture_output=True,
        text=True,
        check=True,
    )
    imported = set(done.stdout.splitlines()[-1].split())
    trained = training_code(STUDY.techniques["dropout_augmentation"], STUDY.network)
    followed = study_code.reachable_statements(
        *trained, *EVALUATION_CODE, *chain(*PREPARATION_CODE.values())
    )
    assert {"regbench.training.train", "regbench.images.sources.folder"} <= imported
    assert {name for name in imported - followed.keys() if study_code.is_followed(name)} == set()
