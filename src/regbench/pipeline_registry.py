"""All pipelines of the study at hand: data, one per technique, reporting, prediction."""

import os
import warnings

from kedro.framework.project import settings
from kedro.pipeline import Pipeline

from regbench.pipelines import (
    bundle,
    data,
    export,
    fetch_mnist,
    prediction,
    recommend,
    refit,
    reporting,
    scaling,
    training,
    tuning,
)
from regbench.pipelines.training.combination_nodes import train_combinations
from regbench.runs.config_loader import PROJECT, StudyConfigLoader
from regbench.study.cells import networks_and_cells, results_needed
from regbench.study.cocktail import searched_techniques
from regbench.study.factorial import factorials_of_arms
from regbench.study.schema import BASELINE


def register_pipelines() -> dict[str, Pipeline]:
    """Return all pipelines, among them one for every technique of the configuration.

    Returns:
        Pipelines by name. A technique's pipeline holds the data nodes too, so that it runs on
        a fresh clone; of several networks all, and ``dropout.mlp`` is that of one.
        ``__default__`` is everything up to the comparison.

    Raises:
        SettingsError: The configuration is no valid study.
    """
    study = _config_loader().study()
    networks = [name for name in study.trained_networks if name]
    taken = sorted({name for of in study.techniques.values() for name in of.prepared()})
    prepare = data.create_pipeline(
        with_zca="zca" in taken,
        several_networks=bool(networks),
        resampled=study.protocol.split.resamples,
    )
    with warnings.catch_warnings():
        # Kedro warns of nodes that read or make what has another namespace in its name, as these
        # do: `dropout.mlp_results` in `reporting`, `dropout.seed_6.network` in `after_5`.
        warnings.filterwarnings("ignore", "One or more dataset names contain '.'")
        trainings = {
            arm.name: training.create_pipeline(
                arm.name, study.techniques[arm.technique], study.stages
            )
            for arm in study.arms
        }
        looks = training.create_looks(list(trainings), study.stages)
        by_technique = {
            name: Pipeline([trainings[arm.name] for arm in study.arms if arm.technique == name])
            for name in study.techniques
        }
        report = reporting.create_pipeline(
            list(trainings),
            with_publication=bool(study.reporting.published),
            with_feature_maps=any(
                network.has_feature_maps for network in study.trained_networks.values()
            ),
            with_pairs=bool(factorials_of_arms(trainings, study.techniques, study.shared)),
            with_search=bool(study.tuning.fixed),
        )
        examine = reporting.create_doctor(list(trainings))
        pilot = training.create_pilot(
            list(study.trained_networks), study.techniques[BASELINE], study.protocol.seeds[0]
        )
        search = tuning.create_pipeline(searched_techniques(study))
        _, curve_cells, size_cells = networks_and_cells(study)
        curve, sizes = (
            create(cells, results_needed(cells.values(), study.techniques, list(trainings)))
            for create, cells in (
                (scaling.create_learning_curve, curve_cells),
                (scaling.create_network_size, size_cells),
            )
        )
        advise = recommend.create_pipeline(
            study.techniques, study.recommend.workers, train_combinations
        )
        choose = reporting.create_selection(list(trainings), "bundle")
        predict = prediction.create_pipeline(list(trainings))
        again = refit.create_pipeline(list(trainings), study.techniques.values(), study.refit.seeds)
        export_chosen = export.create_pipeline(list(trainings))
    alone = {**by_technique, **trainings}  # of one network these are the same
    return {
        "__default__": Pipeline([prepare, *trainings.values(), looks, report]),
        "data": prepare,
        **{name: Pipeline([prepare, pipeline, looks]) for name, pipeline in alone.items()},
        "reporting": report,
        "doctor": examine,
        "pilot": Pipeline([prepare, pilot]),
        "tuning": Pipeline([prepare, search]),
        "refit": again,
        "learning_curve": Pipeline([prepare, curve]),
        "network_size": Pipeline([prepare, sizes]),
        "recommend": Pipeline([prepare, advise]),
        "prediction": predict,
        "export": Pipeline([predict.to_outputs("chosen_network", "calibration"), export_chosen]),
        "bundle": Pipeline([choose, bundle.create_pipeline()]),
        "verify": Pipeline([prepare, training.create_again(taken), bundle.create_verification()]),
        "fetch_mnist": fetch_mnist.create_pipeline(),
        "sample_mnist": fetch_mnist.create_sample_pipeline(),
    }


def _config_loader() -> StudyConfigLoader:
    """Return the session's configuration; without one (``kedro registry list``) the default."""
    if StudyConfigLoader.latest is not None:  # an empty loader is false, as it is a mapping
        return StudyConfigLoader.latest
    return StudyConfigLoader(
        str(PROJECT / settings.CONF_SOURCE),
        env=os.environ.get("KEDRO_ENV"),
        **settings.CONFIG_LOADER_ARGS,
    )
