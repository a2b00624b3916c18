"""Which network is used, by prediction and by export alike, and how it is loaded and checked."""

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from regbench.comparison import compare
from regbench.errors import StudyError, by_reason
from regbench.evaluation.results import TRAINED, Results
from regbench.study import digests
from regbench.study import fingerprints as fingerprint
from regbench.study.arms import Arm, arm_named
from regbench.study.code import digest_of_code
from regbench.study.schema import BEST

if TYPE_CHECKING:
    import keras

logger = logging.getLogger(__name__)

STUDY, REFIT = "study", "refit"  # what has made a chosen network
_CODE = "regbench.pipelines.refit.nodes:train_network"  # that makes a network of a refit


class BestTraining(NamedTuple):
    """The training of a study that is best on validation.

    Attributes:
        arm: Its technique, in a study of several networks on one of them.
        seed: Its seed.
        weights: The digest of its network's weights.
    """

    arm: Arm
    seed: int
    weights: str


def up_to_date(
    fingerprints: Mapping[str, Any],
    preparation: Mapping[str, str],
    seeds: list[int],
    data_fingerprint: Mapping[str, Any],
    results: Mapping[str, Results],
) -> tuple[dict[str, Results], dict[str, str]]:
    """Return the results of the trainings that are of the study at hand, and why others are not.

    Args:
        fingerprints: By arm, as the parameters have them.
        preparation: As the parameters have it.
        seeds: Those of the study.
        data_fingerprint: Of the prepared images.
        results: By arm, as stored.

    Returns:
        As ``compare.set_aside_stale``.
    """
    current = fingerprint.current_fingerprints(data_fingerprint, preparation, fingerprints)
    return compare.set_aside_stale(results, current, seeds)


def best_training(
    fresh: Mapping[str, Results],
    stale: Mapping[str, str],
    technique: str,
    network: str,
    metric: str,
    command: str,
) -> BestTraining:
    """Return the best training on validation of the best technique, or of a named one.

    Args:
        fresh: By arm, of trainings that are up to date; from ``up_to_date``.
        stale: Why others are not, by arm.
        technique: A technique's name, or ``best``.
        network: In a study of several networks one of them, or ``best``.
        metric: That decides the study.
        command: That runs the study, for messages.

    Raises:
        StudyError: Nothing is trained; or the technique is not trained, has failed or is stale.
    """
    considered = {
        name: of_one
        for name, of_one in fresh.items()
        if technique in (BEST, arm_named(name).technique)
        and (network == BEST or arm_named(name).network in ("", network))
    }
    best: str | None
    if technique != BEST and len(considered) == 1:
        (best,) = considered
    else:
        best = compare.best_technique(considered, metric)
        if best is None:
            raise StudyError(_why_none_at_all(considered, stale, command))
    seed = compare.best_seed(fresh[best], metric)
    if seed is None:
        raise StudyError(_why_none(best, fresh[best], stale, command))
    trainings = fresh[best].trainings.set_index("seed")
    return BestTraining(arm_named(best), seed, str(trainings.loc[seed, "fingerprint_weights"]))


def _why_none(name: str, results: Results, stale: Mapping[str, str], command: str) -> str:
    """Return why an arm has no network, and what to do, in a line."""
    again = f"{command} --pipelines={name} trains it"
    if failed := compare.failures({name: results}):
        return f"{name} has failed: {'; '.join(by_reason(failed))}; {again} again"
    lacks = f"stale ({stale[name]})" if name in stale else "not trained"
    return f"{name} is {lacks}; {again}"


def _why_none_at_all(
    considered: Mapping[str, Results], stale: Mapping[str, str], command: str
) -> str:
    """Return why no arm has a network, and what to do, in a line."""
    if failed := compare.failures(considered):
        return f"every training that is up to date has failed: {'; '.join(by_reason(failed))}"
    reasons = "; ".join(dict.fromkeys(stale.values()))
    lacks = f"up to date ({reasons})" if stale else "trained yet"
    return f"no technique is {lacks}; {command} trains them all"


def choose(
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    results: Mapping[str, Results],
    refit: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return which network is used: ``chosen_network``.

    Args:
        parameters: Of the study; ``prediction`` has the technique and network that are wanted.
        data_fingerprint: Of the prepared images.
        results: By arm, as stored.
        refit: The record of a refit, if there is one. Its network is used if it is of the
            technique that is wanted, and of the study at hand.

    Returns:
        ``made_by``: ``study`` or ``refit``. ``technique``, and ``network`` in a study of several.
        ``seed``: of the training; of a refit the first of ``members``, the seeds whose networks
        are averaged, and ``trained_on``, the split parts that it has seen. ``weights``: the digest
        of the network's weights. ``file``: below the folder of networks, without suffix, such as
        ``l2/seed_3`` or ``refit/network``. And ``out_of_sample``: the trainings, named like files,
        whose validation predictions tell how it does on images that it was not trained on: itself;
        of a refit so many of the study's.

    Raises:
        StudyError: Nothing is trained, or the technique asked for is not trained or stale.
    """
    metric, settings = parameters["reporting"]["metric"], parameters["prediction"]
    wanted = settings["technique"], settings.get("network", BEST)
    fresh, stale = up_to_date(
        parameters["fingerprints"],
        parameters["preparation"],
        parameters["protocol"]["seeds"],
        data_fingerprint,
        results,
    )
    if refit and _is_usable(refit, parameters, data_fingerprint, wanted):
        planned = refit["plan"]
        seen = _trained_seeds(fresh[planned["arm"]])[: len(refit["members"])]
        folder = arm_named(planned["arm"]).folder
        logger.info("network: the refit of %s", planned["arm"])
        return {
            "made_by": REFIT,
            "technique": planned["technique"],
            **({"network": planned["network"]} if "network" in planned else {}),
            "seed": refit["members"][0],
            "members": refit["members"],
            "trained_on": planned["parts"],
            "weights": refit["weights"],
            "file": "refit/network",
            "out_of_sample": [f"{folder}/seed_{seed}" for seed in seen],
        }
    best = best_training(fresh, stale, *wanted, metric, parameters["command"])
    logger.info(
        "network: that of %s, seed %d: the best %s on validation",
        best.arm.name,
        best.seed,
        metric.replace("_", " "),
    )
    return {
        "made_by": STUDY,
        "technique": best.arm.technique,
        **({"network": best.arm.network} if best.arm.network else {}),
        "seed": best.seed,
        "weights": best.weights,
        "file": f"{best.arm.folder}/seed_{best.seed}",
        "out_of_sample": [f"{best.arm.folder}/seed_{best.seed}"],
    }


def _trained_seeds(results: Results) -> list[int]:
    """Return the seeds of the trainings that did not fail, rising."""
    trainings = results.trainings
    return sorted(int(seed) for seed in trainings[trainings["status"] == TRAINED]["seed"])


def _is_usable(
    refit: Mapping[str, Any],
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    wanted: tuple[str, str],
) -> bool:
    """Return whether a refit is what is wanted, and of the study at hand; a line says if not."""
    if not digests.is_sealed(refit):
        logger.warning("08_reporting/refit.json: damaged, or changed since it was made; not used")
        return False
    planned = refit["plan"]
    own = planned["technique"], planned.get("network", "")
    if wanted[0] not in (BEST, own[0]) or wanted[1] not in (BEST, own[1]):
        logger.info("the refit is of %s, which is not what is asked for", planned["arm"])
        return False
    arms, asked = parameters["fingerprints"], parameters["refit"]
    of = ""
    if planned["arm"] in arms:
        what = planned["arm"], planned["parts"], planned["epochs"]
        of = made_from(parameters, data_fingerprint, *what)
    changed = [f"refit.{key}" for key in ("parts", "seeds") if planned[key] != asked[key]]
    if asked["technique"] not in (BEST, own[0]):
        changed.append("refit.technique")
    if of != planned["made_from"]:
        changed.append("images, settings or code")
    if not changed:
        return True
    logger.warning(
        "the refit of %s is stale (changed since: %s), and not used; %s --pipelines=refit "
        "trains it again",
        planned["arm"],
        ", ".join(changed),
        parameters["command"],
    )
    return False


def made_from(
    parameters: Mapping[str, Any],
    data_fingerprint: Mapping[str, Any],
    arm: str,
    parts: list[str],
    epochs: int | None,
) -> str:
    """Return the digest of all that the networks of a refit depend on besides the seed.

    Args:
        parameters: Of the study.
        data_fingerprint: Of the prepared images.
        arm: What is trained.
        parts: The split parts that it is trained on.
        epochs: After which every training ends; None: as in the study.
    """
    component = fingerprint.current_fingerprints(
        data_fingerprint, parameters["preparation"], parameters["fingerprints"]
    )[arm]
    own = {key: value for key, value in component.items() if key != "evaluation"}
    return digests.digest([own, arm, parts, epochs, digest_of_code(_CODE)])


def load_network(
    chosen: Mapping[str, Any],
    networks: Mapping[str, Callable[[], Any]],
    image_shape: tuple[int, ...],
    classes: int,
    command: str,
) -> "keras.Model":
    """Return the chosen network, raw uint8 images in, class probabilities out.

    Args:
        chosen: From ``choose``.
        networks: Loaders of all stored networks, by file below their folder, without suffix.
        image_shape: Height, width and channels of the images that it is to take.
        classes: How many the set has.
        command: That runs the study, for messages.

    Raises:
        StudyError: The file is missing, the network takes images of another size, knows another
            number of classes, or has other weights than the chosen one's.
    """
    from regbench.networks.weights import weights_of  # noqa: PLC0415 - imports TensorFlow

    name = chosen["file"]
    arm = Arm(chosen["technique"], chosen.get("network", ""))
    pipeline = REFIT if chosen["made_by"] == REFIT else arm.name
    if name not in networks:
        raise StudyError(f"the network {name} is gone; {command} --pipelines={pipeline} makes it")
    network = networks[name]()
    if network.input_shape[1:] != image_shape:
        raise StudyError(
            f"the network {name} takes images of {network.input_shape[1:]}, these are "
            f"{image_shape}; {command} --pipelines={pipeline} trains it again"
        )
    if network.output_shape[-1] != classes:
        raise StudyError(
            f"the network {name} knows {network.output_shape[-1]} classes, the set has "
            f"{classes}; {command} --pipelines={pipeline} trains it again"
        )
    if digests.digest_of_weights(weights_of(network)) != chosen["weights"]:
        raise StudyError(
            f"the network {name} is not the one that was evaluated; {command} "
            f"--pipelines={pipeline} trains it again"
        )
    return network
