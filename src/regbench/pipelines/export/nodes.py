"""Nodes that export the chosen network to formats of other programs.

Nodes import what they need when they run, so that commands that only list or describe pipelines
need not wait for it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from regbench.study.reporting import Reporting

if TYPE_CHECKING:
    from numpy import ndarray
    from pandas import DataFrame

    from regbench.evaluation.results import Results
    from regbench.storage.stored_file import StoredFile
else:  # Kedro resolves annotations, and warns of names that are not there
    ndarray = DataFrame = Results = StoredFile = Any


def describe_network(
    chosen: dict[str, Any],
    fingerprints: dict[str, Any],
    preparation: dict[str, str],
    parameters: dict[str, Any],
    data_fingerprint: dict[str, Any],
    split_index: DataFrame,
    classes: list[str],
    refit: dict[str, Any] | None,
    calibration: dict[str, Any],
    *results: Results,
) -> dict[str, Any]:
    """Return what the model card says of technique, data, figures and confidence.

    See ``use.facts``; and ``calibration``, as it is given.

    Raises:
        StudyError: A package of a format is missing: nothing is exported.
    """
    from regbench.comparison import compare, looks
    from regbench.evaluation.resampling import resampling_of
    from regbench.metrics.registry import METRICS
    from regbench.networks.formats.registry import check_installed
    from regbench.use import choice
    from regbench.use.calibration import described
    from regbench.use.facts import facts

    check_installed(parameters["export"]["formats"])
    reporting = Reporting.model_validate(parameters["reporting"])
    protocol, resampling = parameters["protocol"], resampling_of(split_index)
    stored = dict(zip(fingerprints, results, strict=True))
    fresh, stale = choice.up_to_date(
        fingerprints, preparation, protocol["seeds"], data_fingerprint, stored
    )
    at = protocol.get("looks", [])
    if at:
        metric = METRICS[reporting.metric]
        fresh = looks.set_aside_unneeded(fresh, at, reporting.band, metric, resampling)
    part = compare.judged_part_of(fresh)
    compared = compare.compare(
        fresh,
        stale,
        reporting.band,
        seeds=len(protocol["seeds"]),
        metric=reporting.metric,
        largest_class=compare.of_largest_class(split_index, part, reporting.metric),
        resampling=resampling,
        looks=at,
    )
    known = facts(chosen, compared, stored, split_index, classes, reporting.metric, refit)
    return known | {"calibration": calibration | {"said": described(calibration)}}


def write_network(
    chosen: dict[str, Any],
    network_facts: dict[str, Any],
    networks: dict[str, Callable[[], Any]],
    study_predictions: dict[str, Callable[[], DataFrame]],
    images: ndarray,
    split_index: DataFrame,
    classes: list[str],
    data_fingerprint: dict[str, Any],
    parameters: dict[str, Any],
    folder: StoredFile,
) -> tuple[dict[str, Any], str]:
    """Write the chosen network in every format, and hand over those that predict as it does.

    Returns:
        What was measured of each format, or why it failed (see ``use.export.write_formats``); and
        the model card.

    Raises:
        StudyError: The network's file is missing or is not the chosen one.
    """
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from regbench.evaluation.resampling import split_of_seed
    from regbench.report.model_card import model_card
    from regbench.report.provenance import software_versions
    from regbench.use import choice, export

    settings = parameters["export"]
    network = choice.load_network(
        chosen, networks, images.shape[1:], len(classes), parameters["command"]
    )
    split = split_of_seed(split_index, chosen["seed"])
    if chosen["file"] in study_predictions:
        reference = export.stored_reference(study_predictions[chosen["file"]](), split)
    else:
        reference = export.own_reference(
            network, images, split, unseen=network_facts["judged_is_unseen"]
        )
    temperature = network_facts["calibration"]["temperature"]
    about = export.form_of_input(network, classes, parameters["ingest"], temperature)
    with TemporaryDirectory(prefix="regbench-export-") as temporary:
        outcomes = export.write_formats(
            network,
            settings["formats"],
            images,
            reference,
            export.calibration_images(images, split, settings["calibration_images"]),
            Path(temporary),
        )
        names = parameters["protocol"]["network"]
        of_network = chosen.get("network", names if isinstance(names, str) else names[0])
        card = model_card(
            chosen,
            network_facts,
            outcomes,
            about,
            {
                "regularizers": parameters["techniques"][chosen["technique"]],
                "network": parameters["networks"][of_network],
                "licence": settings["licence"],
            },
            data_fingerprint,
            software_versions(),
        )
        export.hand_over(Path(temporary), outcomes, folder.joinpath, card, about)
    return outcomes, card
