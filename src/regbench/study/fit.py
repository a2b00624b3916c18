"""Whether a study's settings fit one another: the network, the techniques and the images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from regbench.errors import StudyError, quoted
from regbench.networks.base import Network, Plan, without_place
from regbench.regularizers.base import Regularizer, Traits
from regbench.regularizers.places.ensemble import Ensemble
from regbench.study.arms import NAME, NAME_RULE
from regbench.study.code import reachable_statements
from regbench.study.memory import Batch, memory_problem, memory_problem_of_ensemble
from regbench.study.problems import Problem, nearest
from regbench.study.schema import RESERVED_NAMES, Protocol, Study
from regbench.study.technique import Technique

Shape = tuple[int, int, int]  # height, width, channels


def fit_problems(study: Study) -> list[Problem]:
    """Return what does not fit, as far as it is known before any image is read.

    A network that there is not, code and files of it that are missing, images that it cannot
    take, and techniques that mean nothing for it.
    """
    names, shape = study.protocol.networks, _least_shape(study)
    problems = [problem for name in names for problem in _name_problems(name, study)]
    if problems:
        return problems
    shared = {key: dict(settings) for key, settings in study.shared.items()}
    unfit: dict[str, list[Problem]] = {}
    for name in names:
        network = study.networks[name]
        trained = {
            key: technique
            for key, technique in study.techniques.items()
            if name in study.networks_of(key)
        }
        problems += [
            Problem(("networks", name, *place), wrong) for place, wrong in _missing(network)
        ]
        misfit = _misfit(network, _batch(study, shape), classes=2) if shape else None
        if misfit:
            problems.append(Problem(("networks", name), misfit))
        problems += _warmup_problems(study.protocol, network)
        of_techniques = misfits(network.traits(shape), trained, shared)
        if (
            shape and not study.image_shape
        ):  # what means nothing in grey may mean something in colour
            in_colour = misfits(network.traits((*shape[:2], 3)), trained, shared)
            certain = {problem.path for problem in in_colour}
            of_techniques = [problem for problem in of_techniques if problem.path in certain]
        unfit[name] = of_techniques
        problems += _ensemble_problems(study, name, trained, shared)
    return problems + (unfit[names[0]] if len(names) == 1 else _with_ways_out(unfit, study))


def _with_ways_out(unfit: Mapping[str, list[Problem]], study: Study) -> list[Problem]:
    """Return the problems of techniques that mean nothing on some of several networks.

    The last of each technique says where else it may be trained, the last of each network how to
    go without the network.

    Args:
        unfit: By network.
        study: With several.
    """
    by_technique: dict[str, list[str]] = {}
    for name, problems in unfit.items():
        for problem in problems:
            by_technique.setdefault(problem.leave_out, []).append(name)
    found = []
    for name, problems in unfit.items():
        others = " ".join(other for other in study.protocol.networks if other != name)
        for problem, after in zip_longest(problems, problems[1:]):
            message, technique = f"on network {name}: {problem.message}", problem.leave_out
            networks = study.networks_of(technique)
            fitting = [other for other in networks if other not in by_technique[technique]]
            same = after is not None and after.leave_out == technique
            if fitting and not same and name == by_technique[technique][-1]:
                own = f'--params="techniques.{technique}.networks={" ".join(fitting)}"'
                message += f"; {own} trains it on {' and '.join(fitting)} only"
            if after is None:
                message += f'; or without the network: --params="protocol.network={others}"'
            found.append(replace(problem, message=message))
    return found


def _ensemble_problems(
    study: Study, name: str, techniques: Mapping[str, Technique], shared: Mapping[str, Any]
) -> list[Problem]:
    """Return the problems of ensembles among some techniques with the protocol, on a network."""
    phases = list(study.networks[name].epochs_of_phases())
    split = study.protocol.split
    # A set may come with test images of its own.
    is_tested = bool(split.test) or split.method in ("auto", "given")
    return [
        Problem(("techniques", technique, ensemble.key()), wrong, leave_out=technique)
        for technique, settings in techniques.items()
        for ensemble in ensembles_in(settings.regularizers(shared))
        if (wrong := ensemble.length_problem(study.protocol.epochs, phases))
        or (wrong := _split_problem(ensemble, is_tested))
    ]


def ensembles_in(regularizers: Iterable[Regularizer]) -> list[Ensemble]:
    """Return the ensembles among some regularizers."""
    return [each for each in regularizers if isinstance(each, Ensemble)]


def check_split(regularizers: Iterable[Regularizer], is_tested: bool) -> None:
    """Check a technique's ensemble against the split that the images have.

    Args:
        regularizers: Of the technique.
        is_tested: Whether there are test images.

    Raises:
        StudyError: It would be judged by images that it is fitted on.
    """
    for ensemble in ensembles_in(regularizers):
        if wrong := _split_problem(ensemble, is_tested):
            raise StudyError(wrong)


def _split_problem(ensemble: Ensemble, is_tested: bool) -> str | None:
    if is_tested or not ensemble.fits_on_validation:
        return None
    return (
        f"{ensemble.key()} is fitted on the validation images, and without test images it would be "
        "judged by them; set protocol.split.test above 0"
    )


def _batch(study: Study, shape: Shape) -> Batch:
    return Batch(shape, study.protocol.batch_size, study.protocol.precision)


def _misfit(network: Network, batch: Batch, classes: int) -> str | None:
    """Return why a network cannot take such images, or not so many at once; None if it can."""
    shape = batch.image_shape
    return network.problem(shape, classes) or memory_problem(
        network.parameters(shape, classes), network.kept_values(shape), batch
    )


def unknown_network(name: str, networks: Iterable[str]) -> Problem:
    """Return the problem of a network that a study shall train and that there is not.

    Args:
        name: Its name.
        networks: The names of those that there are.
    """
    known = list(networks)
    wrong = f"{quoted(name)} is not a network; allowed: {', '.join(known)}"
    return Problem(("protocol", "network"), wrong + nearest(name, known))


def _name_problems(name: str, study: Study) -> list[Problem]:
    """Return what is wrong with the name of a network that a study trains."""
    path = ("protocol", "network")
    if name not in study.networks:
        return [unknown_network(name, study.networks)]
    if len(study.protocol.networks) == 1:
        return []
    if not NAME.fullmatch(name):
        wrong = f"{quoted(name)}: where there are several networks, {NAME_RULE}"
    elif name in RESERVED_NAMES:
        wrong = f"{quoted(name)}: where there are several networks, the name is reserved, like all "
        wrong += f"of: {', '.join(sorted(RESERVED_NAMES))}"
    else:
        return []
    return [Problem(path, wrong)]


def _warmup_problems(protocol: Protocol, network: Network) -> list[Problem]:
    """Return the problem of a warm-up that is longer than a training, or than a phase of one."""
    warmup = getattr(protocol.schedule, "warmup", 0)
    if getattr(protocol.schedule, "unit", "") != "epochs":
        return []  # the number of steps is known with the images
    phases = network.epochs_of_phases() or {"": protocol.epochs}
    name = min(phases, key=lambda phase: phases[phase])
    if warmup < phases[name]:
        return []
    of = f" of the network's phase {name}" if name else ""
    wrong = f"must be less than the {phases[name]} epochs{of}, not {warmup:g}"
    return [Problem(("protocol", "schedule", "warmup"), wrong)]


def _least_shape(study: Study) -> Shape | None:
    """Return the images' shape, with one channel as long as they decide on it; None without size.

    What does not fit one channel does not fit three.
    """
    size = study.ingest.size
    return study.image_shape or (None if isinstance(size, str) else (*size, 1))


def misfits(
    network: Traits, techniques: Mapping[str, Technique], shared: Mapping[str, Any]
) -> list[Problem]:
    """Return a problem for every regularizer that means nothing for a network.

    Args:
        network: What is known of it.
        techniques: By name.
        shared: The settings that all techniques share, by the key of the regularizer.
    """
    problems = []
    for name, technique in techniques.items():
        regularizers = technique.regularizers(shared)
        normalized = any(of.normalizes for of in regularizers) or network.normalized
        with_technique = replace(network, normalized=normalized)
        problems += [
            Problem(("techniques", name, regularizer.key()), misfit, leave_out=name)
            for regularizer in regularizers
            if (misfit := regularizer.misfit(with_technique))
        ]
    return problems


def without(problems: Iterable[Problem]) -> dict[str, None]:
    """Return the parameters, such as ``techniques.zca``, that are null without the problems."""
    return {f"techniques.{found.leave_out}": None for found in problems if found.leave_out}


@dataclass(frozen=True)
class Planned:
    """What is to be trained, on images that are known.

    Attributes:
        network: That every technique trains.
        techniques: Their regularizers by name, as in the parameters' ``trainings``.
        shared: The settings that all techniques share, by the key of the regularizer.
        batch: What a training takes at once; it has the images' shape.
        classes: Number of classes.
    """

    network: Network
    techniques: Mapping[str, Mapping[str, Any]]
    shared: Mapping[str, Any]
    batch: Batch
    classes: int

    def read_techniques(self) -> dict[str, Technique]:
        """Return the techniques by name."""
        return {name: Technique.model_validate(entry) for name, entry in self.techniques.items()}


def check_fit(planned: Planned) -> None:
    """Check a network and techniques against the images.

    Raises:
        StudyError: With a line for everything that does not fit.
    """
    lines, network = [], planned.network
    if misfit := _misfit(network, planned.batch, planned.classes):
        lines.append(_of_network(network, misfit))
    traits = network.traits(planned.batch.image_shape)
    techniques = planned.read_techniques()
    problems = misfits(traits, techniques, planned.shared)
    parameters = network.parameters(planned.batch.image_shape, planned.classes)
    problems += [
        Problem(("techniques", name, ensemble.key()), wrong, leave_out=name)
        for name, technique in techniques.items()
        for ensemble in ensembles_in(technique.regularizers(planned.shared))
        if (wrong := memory_problem_of_ensemble(parameters, ensemble.networks()))
    ]
    lines += [
        f"parameters_techniques.yml: {'.'.join(problem.path)}: {problem.message}"
        for problem in problems
    ]
    if problems:
        left_out = ",".join(f"{key}=null" for key in without(problems))
        lines[-1] += f"; --params={left_out} in the command goes without"
    if lines:
        raise StudyError("\n       ".join(lines))


def check_built(planned: Planned) -> list[str]:
    """Build a network to see its faults; return what to warn of, a line each.

    Such as techniques whose layers it leaves out.

    Raises:
        StudyError: It cannot be built, does not fit into memory, or its phases name a layer that
            it lacks.
    """
    network, shape = planned.network, planned.batch.image_shape
    scaling = {"offset": [0.0] * shape[2], "scale": [1.0] * shape[2]}
    plan = Plan(shape, planned.classes, 0, scaling)
    model = network.built(plan)
    kept = network.kept_when_built(model)
    if misfit := memory_problem(model.count_params(), kept, planned.batch):
        raise StudyError(_of_network(network, misfit))
    lines = network.check(model)
    left_out: dict[str, list[str]] = {}
    for name, technique in planned.read_techniques().items():
        for key in without_place(technique.regularizers(planned.shared), plan.asked()):
            left_out.setdefault(key, []).append(name)
    if not left_out:
        return lines
    names = list(dict.fromkeys(name for names in left_out.values() for name in names))
    left = network.leaves_out(list(left_out))
    nulls = ",".join(f"techniques.{name}=null" for name in names)
    return [
        *lines,
        f"{left}; these techniques cannot be trained: {', '.join(names)}; "
        f"--params={nulls} in the command goes without",
    ]


def _of_network(network: Network, misfit: str) -> str:
    return f"parameters_networks.yml: {network.kind()}: {misfit}"


def _missing(network: Network) -> list[tuple[tuple[str, ...], str]]:
    """Return the code and files that a network is made from and that are not there."""
    found: list[tuple[tuple[str, ...], str]] = []
    for root in network.code():
        module, _, function = root.partition(":")
        try:
            reachable_statements(root)
        except ModuleNotFoundError as error:
            missing = error.name or str(error)
            found.append(
                (("function",), f"there is no module {missing}; `src` and PYTHONPATH are searched")
            )
        except AttributeError:
            found.append((("function",), f"{module} has no {function}"))
        except (SyntaxError, UnicodeError, OSError) as error:
            found.append((("function",), f"{module} cannot be read: {error}"))
    found += [
        (("weights",), f"there is no file {path}")
        for path in network.files()
        if not Path(path).is_file()
    ]
    return found
