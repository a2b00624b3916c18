"""Studies of several networks: names of arms, the setting, and fingerprints."""

from typing import Any

import pytest
from tests.study.base_study import BASE, changed

from regbench.study.arms import Arm, arm_named, by_network, networks_in, on_same_network
from regbench.study.fingerprints import fingerprints_of_techniques
from regbench.study.problems import InvalidStudy
from regbench.study.reader import read_study

WAY_OUT = '--params="protocol.network='


def several(given: Any) -> dict[str, Any]:
    """The base study on these networks, without the technique that a cnn has already."""
    parameters = changed("protocol.network", given)
    parameters["techniques"]["batch_normalization"] = None
    return parameters


def problems(parameters: dict[str, Any]) -> list[str]:
    with pytest.raises(InvalidStudy) as found:
        read_study(parameters)
    return [f"{'.'.join(p.path)}: {p.message}" for p in found.value.problems]


class TestNames:
    def test_of_one_network_and_of_several(self) -> None:
        assert Arm("dropout").name == Arm("dropout").folder == "dropout"
        assert (Arm("dropout", "mlp").name, Arm("dropout", "mlp").folder) == (
            "dropout.mlp",
            "mlp/dropout",
        )

    def test_a_name_tells_its_arm(self) -> None:
        for arm in (Arm("l2"), Arm("l2", "cnn")):
            assert arm_named(arm.name) == arm
        assert on_same_network("l2.cnn", "baseline") == "baseline.cnn"
        assert on_same_network("l2", "baseline") == "baseline"

    def test_grouping_keeps_every_value_and_the_order(self) -> None:
        values = {"a.two": 1, "a.one": 2, "b.two": 3, "b.one": 4}
        assert by_network(values) == {"two": {"a": 1, "b": 3}, "one": {"a": 2, "b": 4}}
        assert networks_in(values) == ["two", "one"]
        assert by_network({"a": 1, "b": 2}) == {"": {"a": 1, "b": 2}}


class TestSetting:
    @pytest.mark.parametrize("given", [["mlp", "cnn"], "mlp cnn"])
    def test_a_list_or_words(self, given: Any) -> None:
        study = read_study(several(given))
        assert study.protocol.networks == ["mlp", "cnn"]
        assert [arm.name for arm in study.arms][:4] == [
            *("baseline.mlp", "baseline.cnn", "l2.mlp", "l2.cnn")
        ]
        values = study.as_parameters()
        assert "network" not in values
        l2 = {"technique": "l2.cnn", "regularizers": values["techniques"]["l2"]}
        assert values["trainings"]["l2.cnn"] == l2

    def test_a_list_of_one_is_one_network(self) -> None:
        one, listed = (read_study(several(of)) for of in ("cnn", ["cnn"]))
        assert one == listed
        assert one.as_parameters() == listed.as_parameters()
        assert [arm.name for arm in one.arms] == list(one.techniques)

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ([], "must name an entry of networks, such as mlp, or several of them, not []"),
            ("", "must name an entry of networks, such as mlp, or several of them, not ''"),
            (["mlp", 3], "must name an entry of networks"),
            (["mlp", "mlp"], "must name every network once"),
            ({"hidden_units": [3]}, "must name an entry of networks"),
        ],
    )
    def test_what_is_no_list_of_networks(self, given: Any, said: str) -> None:
        (found,) = problems(several(given))
        assert found.startswith(f"protocol.network: {said}")

    def test_every_unknown_one_is_named(self) -> None:
        found = problems(several(["mlp", "cn", "resnett"]))
        assert found == [
            "protocol.network: 'cn' is not a network; allowed: mlp, cnn, resnet, mobilenet; did "
            "you mean 'cnn'?",
            "protocol.network: 'resnett' is not a network; allowed: mlp, cnn, resnet, mobilenet; "
            "did you mean 'resnet'?",
        ]

    @pytest.mark.parametrize(
        ("name", "said"),
        [("My Net", "small letters"), ("a.b", "small letters"), ("best", "reserved")],
    )
    def test_a_name_that_is_no_folder_and_namespace(self, name: str, said: str) -> None:
        parameters = several(["mlp", name])
        parameters["networks"][name] = BASE["networks"]["mlp"]
        (found,) = problems(parameters)
        assert found.startswith(f"protocol.network: '{name}': where there are several networks")
        assert said in found
        parameters["protocol"]["network"] = [name]
        assert read_study(parameters).protocol.networks == [name]  # alone it is neither

    def test_a_technique_that_means_nothing_on_one_of_them(self) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["ingest"] |= {"size": 200, "mode": "L"}
        parameters["techniques"]["batch_normalization"] = {"batch_normalization": True}
        found = problems(parameters)
        assert found[-1] == (
            "techniques.batch_normalization.batch_normalization: on network cnn: a cnn with "
            "normalization: batch has it already; or "
            f'without the network: {WAY_OUT}mlp"'
        )
        assert found[0].startswith("techniques.zca.zca: on network mlp: whitens at most")
        assert any(line.startswith("techniques.zca.zca: on network cnn: ") for line in found)

    def test_published_accuracies_are_of_one_network(self) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["reporting"]["published"] = {"l2": {"accuracy": 0.9}}
        (found,) = problems(parameters)
        assert found.startswith("protocol.network: must be one network where reporting.published")

    @pytest.mark.parametrize(("given", "network"), [(["mlp", "cnn"], "resnet"), ("mlp", "cnn")])
    def test_labels_or_a_refit_by_a_network_that_is_not_trained(
        self, given: Any, network: str
    ) -> None:
        parameters = several(given)
        for group in ("prediction", "refit"):
            parameters[group]["network"] = network
        for group, found in zip(("prediction", "refit"), problems(parameters), strict=True):
            assert found.startswith(
                f"{group}.network: '{network}' is not trained; allowed: best, mlp"
            )

    @pytest.mark.parametrize("given", ["mlq", ["mlq", "cnn"]])
    def test_all_wrong_names_are_told_at_once(self, given: Any) -> None:
        parameters = several(given)
        parameters["prediction"]["network"] = "cmn"
        parameters["refit"] |= {"network": "best", "technique": "l3", "parts": ["tst"]}
        parameters["export"]["formats"] = ["onxx"]
        found = "\n".join(problems(parameters))
        for told in (
            "protocol.network: 'mlq' is not a network; allowed: mlp",
            "prediction.network: 'cmn' is not trained; allowed: best, mlp",
            "refit.technique: 'l3' is not a technique; allowed: best",
            "refit.parts.0: must be 'train', 'validation' or 'test'",
            "export.formats.0: must be 'litert'",
        ):
            assert told in found
        assert "refit.network" not in found


class TestFingerprints:
    def test_each_network_has_that_of_a_study_of_it_alone(self) -> None:
        both = fingerprints_of_techniques(read_study(several(["mlp", "cnn"])))
        for network in ("mlp", "cnn"):
            alone = fingerprints_of_techniques(read_study(several(network)))
            assert by_network(both)[network] == alone
        assert both["l2.mlp"]["training"]["protocol"] != both["l2.cnn"]["training"]["protocol"]

    def test_a_networks_settings_make_only_its_own_trainings_stale(self) -> None:
        parameters = several(["mlp", "cnn"])
        before = fingerprints_of_techniques(read_study(parameters))
        parameters["networks"]["cnn"]["filters"] = [8, 8]
        after = fingerprints_of_techniques(read_study(parameters))
        differing = {name for name in before if before[name] != after[name]}
        assert differing == {name for name in before if name.endswith(".cnn")}
