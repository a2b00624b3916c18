"""Studies of several networks: names of arms, the setting, and fingerprints."""

from typing import Any

import pytest
from tests.study.base_study import BASE, changed

from regbench.study.arms import Arm, arm_named, by_network, networks_in, on_same_network
from regbench.study.cocktail import cocktail_parameters
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
            "normalization: batch has it already; "
            '--params="techniques.batch_normalization.networks=mlp" trains it on mlp only; '
            f'or without the network: {WAY_OUT}mlp"'
        )
        assert found[0].startswith("techniques.zca.zca: on network mlp: whitens at most")
        assert any(line.startswith("techniques.zca.zca: on network cnn: ") for line in found)

    def test_published_accuracies_are_of_one_network(self) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["reporting"]["published"] = {"l2": {"accuracy": 0.9}}
        parameters["reporting"]["published"]["baseline"] = {"accuracy": 0.8}
        assert problems(parameters) == [
            "reporting.published.l2: is of one network, and l2 trains 2: mlp, cnn; "
            "techniques.l2.networks may name one",
            "reporting.published.baseline: is of one network, and baseline trains 2: mlp, cnn; "
            "protocol.network may name one",
        ]
        del parameters["reporting"]["published"]["baseline"]
        parameters["techniques"]["l2"]["networks"] = ["cnn"]
        assert read_study(parameters).reporting.published["l2"].accuracy == 0.9

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


class TestNetworksOfATechnique:
    @pytest.mark.parametrize("given", [["cnn"], "cnn"])
    def test_it_trains_no_other(self, given: Any) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["techniques"]["l2"] = {"l2": 0.0001, "networks": given}
        study, every = read_study(parameters), read_study(several(["mlp", "cnn"]))
        assert [arm for arm in every.arms if arm not in study.arms] == [Arm("l2", "mlp")]
        # It is no setting of its trainings: these stay as they are.
        assert study.as_parameters()["techniques"] == every.as_parameters()["techniques"]
        of_all = fingerprints_of_techniques(every)
        assert of_all | fingerprints_of_techniques(study) == of_all

    @pytest.mark.parametrize("given", [["cnn", "mlp"], None])
    def test_all_are_those_of_the_study_in_its_order(self, given: Any) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["techniques"]["l2"] = {"l2": 0.0001, "networks": given}
        assert read_study(parameters).arms == read_study(several(["mlp", "cnn"])).arms

    def test_it_means_something_only_there(self) -> None:
        parameters = several(["mlp", "cnn"])
        own = {"batch_normalization": True, "networks": ["mlp"]}
        parameters["techniques"]["batch_normalization"] = own
        assert Arm("batch_normalization", "cnn") not in read_study(parameters).arms

    def test_without_any_of_them_it_is_left_out_and_told(self) -> None:
        parameters = changed("techniques.l2.networks", ["cnn", "resnet"])
        study = read_study(parameters)
        assert "l2" not in study.techniques
        assert study.left_out == {"l2": "its networks are cnn, resnet"}
        assert read_study(changed("techniques.l2.networks", ["mlp"])).left_out == {}

    def test_three_networks_of_which_one_suits_it(self) -> None:
        parameters = several(["mlp", "cnn", "resnet"])
        parameters["techniques"] = {"baseline": {}, "normalized": {"batch_normalization": True}}
        found = problems(parameters)
        assert len(found) == 2
        assert "techniques.normalized.networks" not in found[0]
        assert '; --params="techniques.normalized.networks=mlp" trains it on mlp only; ' in found[1]
        parameters["techniques"]["normalized"]["networks"] = ["cnn"]
        (line,) = problems(parameters)
        assert "techniques.normalized.networks=" not in line  # no other of its own

    @pytest.mark.parametrize("group", ["prediction", "refit"])
    def test_it_is_used_on_a_network_that_it_trains(self, group: str) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["techniques"]["l2"]["networks"] = ["cnn"]
        parameters[group] |= {"technique": "l2", "network": "mlp"}
        assert problems(parameters) == [f"{group}.network: l2 trains cnn, not mlp"]
        parameters[group]["network"] = "cnn"
        read_study(parameters)

    def test_what_names_one_that_is_left_out(self) -> None:
        parameters = changed("techniques.l2.networks", "cnn")
        parameters["tuning"]["search"] = {"l2": {"l2": {"factor": [0.1, 0.2]}}}
        parameters["reporting"]["published"] = {"l2": {"accuracy": 0.9}}
        assert "l2" not in read_study(parameters).techniques
        parameters["prediction"]["technique"] = "l2"
        parameters["learning_curve"]["techniques"] = ["l2"]
        found = problems(parameters)
        assert "prediction.technique: l2 is no part of the study: its network is cnn" in found
        assert any(line.startswith("learning_curve.techniques: 'l2' is not a ") for line in found)
        assert len(found) == 2

    def test_published_of_no_technique_is_that_alone(self) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["reporting"]["published"] = {"l3": {"accuracy": 0.9}}
        (found,) = problems(parameters)
        assert found.startswith("reporting.published.l3: is not a technique; allowed: baseline, l2")

    def test_a_cocktail_for_another_network_has_a_search_here(self) -> None:
        parameters = changed("techniques.cocktail", {"dropout": 0.5, "networks": ["cnn"]})
        parameters["tuning"]["cocktail"] |= {"search": True, "candidates": "study"}
        assert cocktail_parameters(read_study(parameters))["cocktail"]["candidates"]

    def test_parts_that_name_the_same_in_two_ways(self) -> None:
        parameters = several(["mlp", "cnn", "resnet"])
        parameters["techniques"]["zca"]["networks"] = "cnn mlp"
        parameters["techniques"]["dropout"]["networks"] = ["mlp", "cnn"]
        study = read_study(parameters)
        assert study.networks_of("zca_dropout") == ["mlp", "cnn"]
        parameters["techniques"]["zca"]["networks"] = None
        assert read_study(parameters).networks_of("zca_dropout") == ["mlp", "cnn"]

    def test_a_wrong_name_is_told_where_it_was_written(self) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["techniques"]["zca"]["networks"] = ["cmn"]
        (found,) = problems(parameters)
        assert found.startswith("techniques.zca.networks: 'cmn' is not a network")

    def test_a_combination_trains_where_its_parts_do_or_where_it_says(self) -> None:
        parameters = several(["mlp", "cnn"])
        both = {"combine": ["zca", "dropout"]}
        parameters["techniques"]["zca"]["networks"] = ["mlp"]
        assert Arm("zca_dropout", "cnn") not in read_study(parameters).arms
        parameters["techniques"]["zca_dropout"] = both | {"networks": ["cnn"]}
        assert Arm("zca_dropout", "cnn") in read_study(parameters).arms
        parameters["techniques"]["zca_dropout"] = both
        parameters["techniques"]["dropout"]["networks"] = ["cnn"]
        (found,) = problems(parameters)
        assert found == (
            "techniques.zca_dropout.combine: two values for networks; say in zca_dropout which "
            "one holds"
        )

    @pytest.mark.parametrize(
        ("technique", "given", "said"),
        [
            ("l2", ["cn"], "'cn' is not a network; allowed: mlp, cnn, resnet, mobilenet; did you"),
            ("l2", [], "must name an entry of networks, such as mlp, or several of them, not []"),
            ("l2", ["cnn", "cnn"], "must name every network once, not ['cnn', 'cnn']"),
            ("l2", {"cnn": True}, "must name an entry of networks, such as mlp, or several of"),
            ("baseline", ["cnn"], "must train every network: the others are compared with it"),
        ],
    )
    def test_what_it_cannot_be(self, technique: str, given: Any, said: str) -> None:
        parameters = several(["mlp", "cnn"])
        parameters["techniques"][technique]["networks"] = given
        (found,) = problems(parameters)
        assert found.startswith(f"techniques.{technique}.networks: {said}")


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
