"""The search of a technique as the study's plain parameters describe it."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NoReturn

from regbench.errors import StudyError
from regbench.networks.registry import network_of
from regbench.study.code import digest_of_code
from regbench.study.digests import digest
from regbench.study.fit import ensembles_in
from regbench.study.schema import COCKTAIL, SHARED, Protocol
from regbench.study.search import beside_of, space, with_values
from regbench.study.technique import Technique
from regbench.study.tuning import Tuning
from regbench.tuning.joint import fitting, joint_space, settings_of
from regbench.tuning.search import Plan, Scored, check_budget, described

Train = Callable[[Mapping[str, Any], int, Callable[[int, float], None]], Scored]

# The code of a search: other code begins it anew.
_CODE = ("regbench.tuning.search", "regbench.tuning.samplers", "regbench.tuning.trial")


def of_technique(
    parameters: Mapping[str, Any],
    name: str,
    train: Train | None = None,
    image_shape: tuple[int, int, int] | None = None,
) -> Plan:
    """Return the plan of a technique's search.

    Args:
        parameters: Of the study, as nodes have them. With ``cocktail``, the technique of this name
            is searched jointly.
        name: Of the technique.
        train: Trains and scores; without it, nothing can be searched.
        image_shape: Height, width, channels; None as long as they are not known.

    Raises:
        StudyError: The study has several networks.
    """
    if "network" not in parameters:
        names = parameters["protocol"]["network"]
        raise StudyError(
            f"tuning takes one network at a time, and protocol.network names {len(names)}; "
            f"--params=protocol.network={names[0]} tunes on the first"
        )
    tuning = Tuning.model_validate(parameters["tuning"])
    protocol = Protocol.model_validate(parameters["protocol"])
    technique = Technique.model_validate(parameters["techniques"].get(name, {}))
    shared = {key: kind.model_validate(parameters[key]) for key, kind in SHARED.items()}
    plain = {key: dict(settings) for key, settings in shared.items()}
    phases = network_of(parameters["network"]).epochs_of_phases()
    epochs = sum(phases.values()) or protocol.epochs

    def planned_epochs(settings: Mapping[str, Any]) -> int:
        regularizers = Technique.model_validate(settings).regularizers(plain)
        return epochs * max([each.trainings() for each in ensembles_in(regularizers)], default=1)

    beside, metric = beside_of(protocol), parameters["reporting"]["metric"]
    if is_joint(parameters, name):
        candidates = Technique.model_validate(parameters["cocktail"]["candidates"])
        network = network_of(parameters["network"]).traits(image_shape)
        joint = joint_space(candidates, technique, shared, tuning, network, beside)
        return Plan(
            technique=name,
            searched=joint.searched,
            tuning=_of_cocktail(tuning),
            metric=metric,
            settings=lambda values: settings_of(joint, candidates, technique, shared, values),
            train=train or _nothing,
            epochs=planned_epochs,
            joint=joint,
        )
    network = replace(network_of(parameters["network"]).traits(image_shape), normalized=True)
    made = {of.key(): of for of in technique.regularizers(plain)}
    searched = [
        fits
        for of in space(name, technique, shared, tuning, beside)
        if (fits := fitting(of, made[of.regularizer], network) if of.regularizer in made else of)
    ]
    return Plan(
        technique=name,
        searched=searched,
        tuning=tuning,
        metric=metric,
        settings=lambda values: with_values(technique, shared, values, network),
        train=train or _nothing,
        epochs=planned_epochs,
    )


def is_joint(parameters: Mapping[str, Any], name: str) -> bool:
    """Return whether a technique is searched over all regularizers together."""
    return name == COCKTAIL and "cocktail" in parameters


def _of_cocktail(tuning: Tuning) -> Tuning:
    """Return the settings of the joint search: with its own sampler and budget."""
    own, budget = tuning.cocktail, tuning.budget
    scaled = {
        name: max(1, round(getattr(budget, name) * own.budget_factor))
        for name in ("epochs", "trials_per_setting")
    }
    return tuning.model_copy(
        update={"sampler": own.sampler, "budget": budget.model_copy(update=scaled)}
    )


def check(
    parameters: Mapping[str, Any], name: str, image_shape: tuple[int, int, int] | None = None
) -> None:
    """Check what can be checked before a technique's search begins.

    Raises:
        StudyError: The study has several networks, a seed of the trials is one of the study, or
            the budget is too small.
    """
    plan = of_technique(parameters, name, image_shape=image_shape)
    both = sorted(set(plan.tuning.seeds) & set(parameters["protocol"]["seeds"]))
    if both:
        raise StudyError(
            f"parameters_tuning.yml: tuning.seeds: {', '.join(map(str, both))} of protocol.seeds: "
            "settings must be chosen with other seeds than they are judged with; name others, "
            "such as 1001"
        )
    check_budget(plan)


def study_name(
    plan: Plan, parameters: Mapping[str, Any], data_fingerprint: Mapping[str, Any]
) -> str:
    """Return the name of the Optuna study: the technique, and a digest of all that trials follow.

    A larger budget goes on with the same study; except of a grid, whose points it changes.

    Args:
        plan: Of the technique.
        parameters: Of the study.
        data_fingerprint: Of its images and their split.
    """
    tuning = plan.tuning
    code = {f"regbench.regularizers.{of.regularizer}" for of in plan.searched}
    made_from = [
        [data_fingerprint[part] for part in ("data", "split")],
        (
            parameters["cocktail"]["fingerprint"]
            if plan.joint
            else parameters["fingerprints"][plan.technique]["training"]
        ),
        [described(of) for of in plan.searched],
        [tuning.sampler, tuning.pruner, tuning.seeds, plan.metric],
        tuning.budget.model_dump() if tuning.sampler == "grid" else None,
        digest_of_code(*_CODE, *sorted(code)),
    ]
    return f"{plan.technique} {digest(made_from)}"


def _nothing(*_: Any) -> NoReturn:
    raise NotImplementedError("a plan without training cannot be searched")
