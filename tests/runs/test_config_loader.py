"""A wrong configuration is one error that names the file and the key, whatever is wrong."""

import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from kedro.config import MissingConfigException, OmegaConfigLoader
from kedro.framework.cli.utils import _split_params

from regbench.errors import SettingsError
from regbench.regularizers.l2 import L2
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.settings import CONFIG_LOADER_ARGS
from regbench.study import fingerprints

MakeConf = Callable[..., Path]
PROTOCOL = "protocol: {epochs: 0}\n"


def loader(
    conf: Path, env: str | None = None, params: dict[str, Any] | None = None
) -> StudyConfigLoader:
    return StudyConfigLoader(str(conf), env=env, runtime_params=params, **CONFIG_LOADER_ARGS)


def error(conf: Path, env: str | None = None, params: dict[str, Any] | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        loader(conf, env, params).study()
    assert caught.value.exit_code == 2
    assert len(caught.value.message.splitlines()) <= 5
    return caught.value.message


def write(conf: Path, name: str, content: str | bytes) -> Path:
    path = conf / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


class TestAValidStudy:
    def test_of_base(self, own_conf: MakeConf) -> None:
        study = loader(own_conf()).study()
        assert study.images == "data/01_raw/digits.zip"
        assert study.protocol.looks == [5, 8, 12, 20]
        assert study.protocol.seeds == list(range(1, 21))

    def test_the_bundle_to_verify_is_below_data_root_unless_one_is_named(
        self, own_conf: MakeConf
    ) -> None:
        def bundle(conf: Path, **params: str) -> str:
            return str(loader(conf, params=params)["catalog"]["given_bundle"]["filepath"])

        conf = own_conf(globals={"data_root": "own"})
        assert bundle(conf) == "own/08_reporting/bundle.zip"
        assert bundle(conf, data_root="other") == "other/08_reporting/bundle.zip"
        assert bundle(conf, bundle="theirs.zip") == "theirs.zip"
        write(conf, "local/globals.yml", "bundle: named.zip")
        assert bundle(conf) == "named.zip"

    def test_of_the_article(self, own_conf: MakeConf) -> None:
        study = loader(own_conf(), env="article").study()
        assert study.images == "data/01_raw/mnist.zip"
        assert study.protocol.split.method == "sequential"
        assert study.protocol.split.test == 0
        assert study.protocol.split.seed == 0  # of base: environments are merged key by key
        assert study.protocol.seeds == [1]
        assert study.reporting.published["l1"].accuracy == 0.9667
        assert study.reporting.published["l1"].says == "not better"
        assert study.reporting.published["early_stopping"].not_comparable

    def test_of_the_articles_data_in_the_fair_protocol(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        fair, article, base = (loader(conf, env).study() for env in ("mnist", "article", None))
        assert fair.images == article.images
        assert len({fair.data_root, article.data_root, base.data_root}) == 3
        # The published number of epochs, and all else as in base.
        assert fair.protocol.epochs == article.protocol.epochs == 10
        assert fair.protocol == base.protocol.model_copy(update={"epochs": 10})
        assert base.protocol.schedule.name == "cosine"
        assert article.protocol.schedule.name == "constant"  # as published
        assert fair.techniques == article.techniques
        # The article's report reads the fair comparison where the fair study writes it.
        catalog = loader(conf, "article")["catalog"]
        written = loader(conf, "mnist")["catalog"]["comparison"]["filepath"]
        assert catalog["fair_comparison"]["filepath"] == written

    def test_of_the_literature(self, own_conf: MakeConf) -> None:
        study = loader(own_conf(), "literature").study()
        assert study.networks["srivastava"].model_dump()["hidden_units"] == [1024, 1024, 2048]
        assert study.protocol.split.method == "given"
        errors = {n: round(100 * (1 - p.accuracy), 2) for n, p in study.reporting.published.items()}
        assert errors["l2"] == 1.62  # percent, as in the papers
        assert (errors["max_norm"], errors["dropout_l2"]) == (1.35, 1.25)
        assert (errors["dropout_max_norm"], errors["elastic"]) == (1.05, 0.7)
        assert (errors["dropout"], errors["label_smoothing"]) == (1.28, 1.23)
        assert errors["confidence_penalty"] == 1.17
        dropped = study.techniques["dropout_max_norm"].model_dump(exclude_defaults=True)
        assert dropped == {"input_dropout": 0.2, "dropout": 0.5, "max_norm": 2.0}
        # Each technique trains the network of its paper, and each network its baseline.
        assert {arm.name for arm in study.arms} == {
            *(f"baseline.{name}" for name in ("srivastava", "pereyra", "simard")),
            *("l2.srivastava", "max_norm.srivastava"),
            *("dropout_l2.srivastava", "dropout_max_norm.srivastava"),
            *("dropout.pereyra", "label_smoothing.pereyra", "confidence_penalty.pereyra"),
            *("augmentation.simard", "elastic.simard"),
        }

    def test_of_photos(self, own_conf: MakeConf) -> None:
        study, base = (
            loader(conf, env).study() for conf in [own_conf()] for env in ("photos", None)
        )
        assert study.network.kind() == "cnn"
        assert study.ingest.mode == "RGB"
        assert study.shared["augmentation"].horizontal_flip
        assert study.shared["augmentation"].rotation == 10  # of base
        left_out = {"batch_normalization", "zca", "zca_dropout"}
        assert base.techniques.keys() - study.techniques.keys() == left_out
        assert study.data_root != base.data_root

    @pytest.mark.parametrize("folder", ["results", r"\${not_a_key}"])
    def test_the_catalog_is_resolved_as_by_kedro(self, own_conf: MakeConf, folder: str) -> None:
        conf, params = own_conf(), {"data_root": folder}
        of_kedro = OmegaConfigLoader(str(conf), runtime_params=params, **CONFIG_LOADER_ARGS)
        catalog = loader(conf, params=params)["catalog"]
        assert catalog == of_kedro["catalog"]
        expected = f"{folder.removeprefix(chr(92))}/08_reporting/comparison.csv"
        assert catalog["comparison"]["filepath"] == expected

    def test_files_are_read_once(self, own_conf: MakeConf) -> None:
        read = loader(own_conf())
        first = read["parameters"]
        (Path(read.conf_source) / "base/parameters_techniques.yml").write_text("techniques: 1\n")
        first["techniques"].clear()  # what one caller changes is not what the next one gets
        assert "dropout" in read["parameters"]["techniques"]

    def test_parameters_are_checked_and_put_together(self, own_conf: MakeConf) -> None:
        parameters = loader(own_conf())["parameters"]
        assert parameters["techniques"]["zca_dropout"] == {"zca": True, "dropout": 0.25}
        assert parameters["trainings"]["zca"]["regularizers"] == {"zca": True}
        assert list(parameters["seeds"].values()) == list(range(1, 21))
        assert parameters["images"] == "data/01_raw/digits.zip"

    def test_parameters_hold_what_results_are_recognized_by(self, own_conf: MakeConf) -> None:
        made = loader(own_conf())
        parameters, study = made["parameters"], made.study()
        assert parameters["fingerprints"] == fingerprints.fingerprints_of_techniques(study)
        assert parameters["preparation"] == fingerprints.digests_of_preparation(study)
        assert set(parameters["fingerprints"]) == set(study.techniques)

    def test_of_the_command_line(self, own_conf: MakeConf) -> None:
        params = {"images": "mine.zip", "protocol": {"epochs": 2}, "ingest": {"size": 14}}
        study = loader(own_conf(), params=params).study()
        assert study.images == "mine.zip"
        assert study.protocol.epochs == 2
        assert study.protocol.batch_size == 128
        assert study.ingest.size == (14, 14)

    def test_own_files_change_single_keys(self, own_conf: MakeConf) -> None:
        conf = own_conf(
            parameters_mine={"techniques": {"l1": None, "mine": {"combine": ["zca", "l2"]}}},
            globals={"data_root": "elsewhere"},
        )
        study = loader(conf).study()
        assert "l1" not in study.techniques
        assert study.techniques["mine"].l2 == L2(factor=0.0001)
        assert study.data_root == "elsewhere"

    def test_the_latest_loader_is_at_hand_for_the_registry(self, own_conf: MakeConf) -> None:
        made = loader(own_conf())
        assert StudyConfigLoader.latest is made

    def test_other_kinds_are_kedros(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        made = loader(conf)
        plain = OmegaConfigLoader(str(conf), **CONFIG_LOADER_ARGS)
        assert made["catalog"] == plain["catalog"]
        with pytest.raises(MissingConfigException):
            made["credentials"]
        with pytest.raises(KeyError):
            made["nonsense"]


class TestTheCommand:
    """How the study at hand is run again."""

    @pytest.mark.parametrize(
        ("env", "params", "expected"),
        [
            (None, None, "uv run kedro run"),
            ("local", {}, "uv run kedro run"),  # is what Kedro takes without --env
            ("article", {}, "uv run kedro run --env=article"),
            (None, {"images": "mine.zip"}, "uv run kedro run --params=images=mine.zip"),
            (None, {"reporting": {"failed": "l1 l2"}}, "uv run kedro run"),  # of that run alone
            (
                "article",
                {"data_root": "x", "protocol": {"epochs": 2, "split": {"seed": 3}}},
                "uv run kedro run --env=article "
                "--params=data_root=x,protocol.epochs=2,protocol.split.seed=3",
            ),
        ],
    )
    def test_names_environment_and_parameters(
        self, env: str | None, params: dict[str, Any] | None, expected: str
    ) -> None:
        assert loader(PROJECT / "conf", env, params)["parameters"]["command"] == expected

    def test_names_a_folder_of_settings_that_is_not_the_projects(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        command = loader(conf, "article")["parameters"]["command"]
        assert command == f"uv run kedro run --conf-source={conf} --env=article"

    @pytest.mark.parametrize(
        "params",
        [
            {"images": "my own set's.zip"},
            {"data_root": "a$HOME;b", "protocol": {"epochs": 2}},
            {"techniques": {"augmentation": {"augmentation": {"horizontal_flip": True}}}},
            {"zca": {"epsilon": 1e-5}},
            {"techniques": {"zca": None, "zca_dropout": None}},
        ],
    )
    def test_means_the_same_to_a_shell_and_to_kedro(self, params: dict[str, Any]) -> None:
        command = loader(PROJECT / "conf", params=params)["parameters"]["command"]
        *_, option = shlex.split(command)
        given = option.removeprefix("--params=")
        context = click.Context(click.Command("run"))
        assert _split_params(context, click.Option(["--params"]), given) == params

    def test_of_a_study_without_what_does_not_fit_it(self) -> None:
        with pytest.raises(SettingsError) as caught:
            loader(PROJECT / "conf", params={"protocol": {"network": "cnn"}}).study()
        (line,) = caught.value.message.splitlines()
        assert line.endswith(
            "techniques.batch_normalization.batch_normalization: a cnn with normalization: batch "
            "has it already; without: uv run kedro run "
            "--params=protocol.network=cnn,techniques.batch_normalization=null"
        )
        _, _, _, _, option = shlex.split(line[line.index("uv run") :])
        context = click.Context(click.Command("run"))
        given = _split_params(context, click.Option(["--params"]), option.removeprefix("--params="))
        assert (
            "batch_normalization" not in loader(PROJECT / "conf", params=given).study().techniques
        )

    def test_without_what_combines_a_technique_that_is_null(self) -> None:
        with pytest.raises(SettingsError) as caught:
            loader(PROJECT / "conf", params={"techniques": {"zca": None}}).study()
        (line,) = caught.value.message.splitlines()
        assert line.endswith(
            "techniques.zca_dropout.combine: 'zca' is not a technique, or is set to null; without: "
            "uv run kedro run --params=techniques.zca=null,techniques.zca_dropout=null"
        )

    def test_leaves_out_a_technique_that_the_command_itself_gives(self) -> None:
        given = {"batch_normalization": True, "l2": 0.1}
        params = {"protocol": {"network": "cnn"}, "techniques": {"mine": given}}
        with pytest.raises(SettingsError) as caught:
            loader(PROJECT / "conf", params=params).study()
        assert caught.value.message.endswith(
            "--params=protocol.network=cnn,techniques.batch_normalization=null,techniques.mine=null"
        )


def test_what_an_environment_displaces_is_named(own_conf: MakeConf) -> None:
    conf = own_conf()
    (conf / "local").mkdir(exist_ok=True)
    path = conf / "local" / "parameters_networks.yml"
    path.write_text("networks: {quite_other: {kind: resnet}}")
    params = {"protocol": {"network": "quite_other"}, "techniques": {"batch_normalization": None}}
    assert loader(conf, params=params).study().network.kind() == "resnet"
    assert error(conf, "photos", params).endswith(
        "'quite_other' is not a network; allowed: mlp, cnn, resnet, mobilenet; "
        f"{path} is not read with --env=photos, conf/photos is"
    )


def test_all_that_an_environment_displaces_is_told_before_a_run(own_conf: MakeConf) -> None:
    conf = own_conf(parameters_mine={}, credentials={"s3": {"key": "a"}})
    for env in (None, "local"):
        assert loader(conf, env).passed_over() is None
    assert loader(conf, "photos").passed_over() == (
        f"{conf}/local/credentials.yml, {conf}/local/parameters_mine.yml: not read with "
        "--env=photos, conf/photos is in place of conf/local; what is to hold here too belongs "
        "there"
    )
    shutil.rmtree(conf / "local")
    assert loader(conf, "photos").passed_over() is None


def test_a_setting_in_a_file_of_the_wrong_kind_is_told(own_conf: MakeConf) -> None:
    conf = own_conf(parameters_mine={"images": "mine", "protocol": {"epochs": 3}})
    assert error(conf) == (
        f"{conf}/local/parameters_mine.yml: images: is not read from there; it belongs in "
        "globals.yml of the same folder"
    )
    (conf / "local/parameters_mine.yml").unlink()
    write(conf, "local/globals.yml", "{data_root: own, protocol: {epochs: 3}}")
    assert error(conf) == (
        f"{conf}/local/globals.yml: protocol: is not read from there; it belongs in "
        "parameters_<anything>.yml of the same folder"
    )


def test_a_file_that_nothing_reads_is_told(own_conf: MakeConf) -> None:
    conf = own_conf(parameters_mine={}, globals={"data_root": "own"}, settings={"images": "mine"})
    write(conf, "local/parameters/more.yml", "{}")
    write(conf, "local/.hidden.yml", "{}")
    assert loader(conf).unknown_files() == (
        f"{conf}/local/settings.yml: not read; settings stand in globals.yml and "
        "parameters_<anything>.yml"
    )
    for env in ("photos", "article", "all"):
        assert loader(conf, env).unknown_files() is None


def test_what_means_nothing_for_the_network_is_told_if_it_is_left_out(own_conf: MakeConf) -> None:
    conf = own_conf()
    made = loader(conf, "all", params={"protocol": {"network": "resnet"}})
    assert made.left_out() is None  # nothing is read yet
    assert "batch_normalization" not in made.study().techniques
    line = made.left_out()
    assert line is not None
    assert line.startswith("left out: ")
    assert "batch_normalization (a resnet with batch normalization has it already)" in line
    assert loader(conf).left_out() is None


class TestTheFileIsNamed:
    def test_in_base(self, own_conf: MakeConf) -> None:
        conf = own_conf(parameters_mine={"protocol": {"batch_size": 64}})
        path = conf / "base/parameters_protocol.yml"
        path.write_text(path.read_text().replace("epochs: 15", "epochs: 0"))
        assert error(conf).startswith(f"{path}: protocol.epochs: ")

    def test_in_an_own_file(self, own_conf: MakeConf) -> None:
        conf = own_conf(parameters_mine={"augmentation": {"fill": "black"}})
        message = error(conf)
        assert message.startswith(f"{conf / 'local/parameters_mine.yml'}: augmentation.fill: ")
        assert all(fill in message for fill in ("constant", "nearest", "reflect", "wrap"))
        assert "not 'black'" in message

    def test_in_another_environment(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        path = write(conf, "mine/parameters.yml", "zca: {epsilonn: 1}\n")
        message = error(conf, env="mine")
        assert message.startswith(f"{path}: zca.epsilonn: unknown key; allowed: epsilon")
        assert loader(conf).study().zca.epsilon == 0.01

    def test_in_globals(self, own_conf: MakeConf) -> None:
        conf = own_conf(globals={"images": 3})
        assert error(conf).startswith(f"{conf / 'local/globals.yml'}: images: ")

    def test_on_the_command_line(self, own_conf: MakeConf) -> None:
        conf = own_conf(parameters_mine={"protocol": {"epochs": 3}})
        message = error(conf, params={"protocol": {"epochs": 0}, "protocl": 1})
        assert "--params: protocol.epochs: " in message
        assert "--params: protocl: unknown key; allowed: images, " in message
        assert "did you mean 'protocol'?" in message
        assert len(message.splitlines()) == 2

    def test_of_a_value_that_is_there_twice_the_one_that_counts(self, own_conf: MakeConf) -> None:
        conf = own_conf(parameters_mine={"protocol": {"split": {"train": 0.9}}})
        message = error(conf)
        assert message.startswith(f"{conf / 'local/parameters_mine.yml'}: protocol.split: ")
        assert "must sum to 1, not 1.2" in message

    def test_relative_to_the_working_folder(
        self, own_conf: MakeConf, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        conf = own_conf(parameters_mine={"zca": {"epsilon": 0}})
        monkeypatch.chdir(conf.parent)
        assert error(conf).startswith("conf/local/parameters_mine.yml: zca.epsilon: ")

    def test_of_a_missing_key_the_one_that_should_have_it(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        path = write(conf, "base/parameters_protocol.yml", "protocol: {epochs: 2}\n")
        message = error(conf)
        assert f"{path}: protocol.split: is missing" in message

    def test_of_a_missing_file_the_configuration(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        (conf / "base/globals.yml").unlink()
        assert error(conf).startswith(f"{conf}: images: is missing")

    @pytest.mark.parametrize(
        "name",
        [
            "local/parameters_mine.yaml",
            "local/parameters_mine.json",
            "local/parameters/mine.yml",
            "local/mine/parameters.yml",
        ],
    )
    def test_wherever_kedro_looks_for_files(self, own_conf: MakeConf, name: str) -> None:
        conf = own_conf()
        content = '{"protocol": {"epochs": 0}}' if name.endswith("json") else PROTOCOL
        path = write(conf, name, content)
        assert error(conf).startswith(f"{path}: protocol.epochs: ")

    @pytest.mark.parametrize("content", [PROTOCOL, "protocol: [1\n"])
    def test_not_a_hidden_one_that_kedro_leaves_out(self, own_conf: MakeConf, content: str) -> None:
        # Jupyter keeps such copies beside the files edited in it.
        conf = own_conf()
        write(conf, "local/.ipynb_checkpoints/parameters_a-checkpoint.yml", content)
        assert loader(conf).study().protocol.epochs == 15
        path = write(conf, "local/parameters_a.yml", PROTOCOL)
        assert error(conf).startswith(f"{path}: protocol.epochs: ")

    def test_every_problem_has_its_line(self, own_conf: MakeConf) -> None:
        conf = own_conf(
            parameters_a={"zca": {"epsilon": 0}}, parameters_b={"protocol": {"batch_size": 0}}
        )
        first, second = error(conf).splitlines()
        assert f"{conf / 'local/parameters_a.yml'}: zca.epsilon" in first + second
        assert f"{conf / 'local/parameters_b.yml'}: protocol.batch_size" in first + second


UNREADABLE = {
    "syntax": "protocol: [1\nepochs: 2\n",
    "a tab": "protocol:\n\tepochs: 2\n",
    "a key twice": "protocol:\n  epochs: 2\n  epochs: 3\n",
    "no UTF-8": "protocol: {epochs: é}\n".encode("latin-1"),
    "a control character": b"\x00\x01",
    "a tag": "protocol: !!python/object:os.system {}\n",
    "a list as a key": "? [a]\n: b\n",
    "a list": "- protocol\n- techniques\n",
    "a number": "5\n",
    "a list for a mapping": "techniques: [l2, dropout]\n",
}


class TestAFileThatCannotBeRead:
    @pytest.mark.parametrize("kind", UNREADABLE)
    def test_is_named(self, own_conf: MakeConf, kind: str) -> None:
        conf = own_conf(parameters_good={"protocol": {"epochs": 3}})
        path = write(conf, "local/parameters_mine.yml", UNREADABLE[kind])
        message = error(conf)
        assert str(path) in message
        assert len(message) < 600

    @pytest.mark.parametrize("kind", [*UNREADABLE][:-1])
    def test_of_globals_too(self, own_conf: MakeConf, kind: str) -> None:
        conf = own_conf()
        write(conf, "local/globals.yml", UNREADABLE[kind])
        error(conf)

    def test_the_line_of_a_syntax_error_is_counted_from_one(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        write(conf, "local/parameters_mine.yml", "zca:\n  epsilon: 1\n\tx: 2\n")
        assert "line 3" in error(conf)

    def test_a_key_in_two_files(self, own_conf: MakeConf) -> None:
        conf = own_conf(
            parameters_a={"protocol": {"epochs": 1}}, parameters_b={"protocol": {"epochs": 2}}
        )
        message = error(conf)
        assert "protocol.epochs" in message
        assert str(conf / "local/parameters_a.yml") in message
        assert str(conf / "local/parameters_b.yml") in message

    @pytest.mark.parametrize("value", ["${globals:nothing}", "${nothing}", "${", "${oc.env:HOME}"])
    def test_a_value_that_cannot_be_filled_in(self, own_conf: MakeConf, value: str) -> None:
        message = error(own_conf(parameters_mine={"protocol": {"epochs": value}}))
        assert "protocol.epochs" in message

    def test_globals_without_text_as_keys(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        write(conf, "local/globals.yml", "1: data\n")
        error(conf)

    def test_techniques_without_text_as_keys(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        write(conf, "local/parameters_mine.yml", "techniques:\n  1: {combine: 3}\n")
        assert "techniques.1" in error(conf)

    def test_a_catalog(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        path = write(conf, "local/catalog.yml", "images: [1\n")
        with pytest.raises(SettingsError) as caught:
            loader(conf)["catalog"]
        assert str(path) in caught.value.message


class TestAFolderThatIsMissing:
    @pytest.mark.parametrize("missing", ["", "base", "local"])
    def test_is_named(self, own_conf: MakeConf, missing: str) -> None:
        conf = own_conf()
        shutil.rmtree(conf / missing)
        assert str(conf / (missing or "base")) in error(conf)

    def test_of_an_environment(self, own_conf: MakeConf) -> None:
        conf = own_conf()
        told = error(conf, env="articel")
        assert f"no folder {conf / 'articel'}; did you mean 'article'?; there are all, " in told

    def test_files_without_parameters(self, tmp_path: Path) -> None:
        (tmp_path / "base").mkdir()
        (tmp_path / "local").mkdir()
        assert "parameters" in error(tmp_path)
