"""Kedro hooks that log trainings and the study in MLflow, with the extra ``mlflow``.

MLflow calls each logged training a run. kedro-mlflow reads ``mlflow.yml`` and opens MLflow's pages
(``kedro mlflow ui``). Its own hooks are off: they log one MLflow run per session with the settings
as one text, query the database at the start of every command, and fail the command if it does not
answer.
"""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kedro.framework.context import KedroContext
from kedro.framework.hooks import hook_impl
from kedro.io import CatalogProtocol
from kedro.pipeline import Pipeline

from regbench.errors import SettingsError
from regbench.runs.config_loader import PROJECT
from regbench.runs.freshness.stored import stored_dataset

if TYPE_CHECKING:
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

logger = logging.getLogger(__name__)

Catalog = CatalogProtocol[Any, Any]

_SQLITE = "sqlite:///"
_REPORT = (
    *("report", "comparison", "comparison_markdown", "comparison_plot", "learning_curves"),
    *("gap_plot", "pruning_plot", "corruption_heatmap", "reliability_plot", "confusion_plot"),
)
# A server that is down must not delay a run for minutes.
_CONNECTION_LIMITS = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


class TrackingHooks:
    """The hooks of every session with the extra ``mlflow``."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read ``mlflow.yml``, without connecting to MLflow.

        Raises:
            SettingsError: It has a wrong key or value.
        """
        self._context = context
        self._config = _read_config(context.config_loader["mlflow"])
        # `kedro mlflow ui` reads it there.
        context.mlflow = self._config  # type: ignore[attr-defined]

    @hook_impl(
        tryfirst=True
    )  # while the results are locked, and before failed trainings raise an error
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Catalog
    ) -> None:
        """Log the trainings that MLflow lacks; a failure to do so is only a warning."""
        names = run_params.get("pipeline_names") or ["__default__"]
        if set(names) <= set(self._config.tracking.disable_tracking.pipelines):
            return
        noisy = [logging.getLogger(name) for name in ("mlflow", "alembic", "kedro_mlflow")]
        levels = [logger.level for logger in noisy]
        try:
            for other in noisy:
                other.setLevel(logging.CRITICAL)  # they warn of every attempt
            self._log(pipeline, catalog)
        except Exception as error:  # whatever MLflow and its database may raise
            reason = next(iter(str(error).splitlines()), "") or type(error).__name__
            logger.warning(
                "not logged in MLflow: %s; nothing is lost, the next run logs it", reason[:300]
            )
        finally:
            for other, level in zip(noisy, levels, strict=True):
                other.setLevel(level)

    def _log(self, pipeline: Pipeline, catalog: Catalog) -> None:
        """Log the trainings whose results a run made or read, and the comparison if it made one."""
        made = pipeline.all_outputs()
        names = [name for name in made | pipeline.inputs() if name.endswith("_results")]
        if not any(name in made for name in ("comparison", *names)):
            return  # no training and no comparison was made
        from regbench.comparison import compare
        from regbench.history import mlflow, tracking
        from regbench.study import fingerprints
        from regbench.study.arms import Arm, arm_named, by_network
        from regbench.study.technique import Technique

        settings = catalog.load("parameters")
        current = fingerprints.current_fingerprints(
            catalog.load("data_fingerprint"), settings["preparation"], settings["fingerprints"]
        )
        stored = {name.removesuffix("_results"): catalog.load(name) for name in sorted(names)}
        fresh, _ = compare.set_aside_stale(stored, current, settings["protocol"]["seeds"])
        compared = compare.networks_of(catalog.load("comparison")) if "comparison" in made else {}
        self._open()
        new = 0
        # Of several networks each is a study of its own here, with a protocol and a baseline.
        for network, of_network in by_network(fresh).items():
            own = tracking.settings_of_network(settings, network)
            trainings = [
                training
                for technique, results in of_network.items()
                for training in tracking.tracked_trainings(
                    results, Technique.model_validate(settings["techniques"][technique]), own
                )
            ]
            first = next(name for name in current if arm_named(name).network == network)
            study_fingerprint = tracking.study_fingerprint(current[first])
            pictures = [f"{network}.{name}" for name in _REPORT] if network else []
            files = [_file(catalog, name) for name in [*_REPORT, *pictures] if name in made]
            words = [Path(settings["images"]).name, network, study_fingerprint[:6]]
            study = tracking.TrackedStudy(
                name=" ".join(filter(None, words)),
                fingerprint=study_fingerprint,
                parameters=tracking.shared_parameters(own),
                comparison=compared.get(network),
                note=catalog.load("comparison_markdown") if compared else "",
                files=[file for file in files if file],
            )
            networks = {
                (training.technique, training.seed): _file(
                    catalog,
                    f"{Arm(training.technique, network).name}.seed_{training.seed}.network",
                )
                for training in trainings
            }
            new += mlflow.log_study(
                self._config.server._mlflow_client,
                self._config.tracking.experiment._experiment.experiment_id,
                study,
                trainings,
                {training: file for training, file in networks.items() if file},
            )
        logger.info("MLflow: %d new runs logged in %s", new, _without_password(self._uri()))

    def _open(self) -> None:
        """Connect to MLflow, and create the database and the experiment if they are missing."""
        for name, value in _CONNECTION_LIMITS.items():
            os.environ.setdefault(name, value)
        if self._uri().startswith(_SQLITE):
            folder = Path(self._uri().removeprefix(_SQLITE)).parent
            folder.mkdir(parents=True, exist_ok=True)
            experiment = self._config.tracking.experiment.create_experiment_kwargs
            experiment.artifact_location = experiment.artifact_location or str(folder / "mlflow")
        self._config.setup(self._context)

    def _uri(self) -> str:
        return str(self._config.server.mlflow_tracking_uri)


def _read_config(content: Mapping[str, Any]) -> "KedroMlflowConfig":
    """Return the checked content of ``mlflow.yml``.

    Raises:
        SettingsError: It has a wrong key or value.
    """
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig
    from pydantic import ValidationError

    try:
        config = KedroMlflowConfig.model_validate(content)
    except ValidationError as error:
        faults = "\n       ".join(
            f"mlflow.yml: {'.'.join(map(str, fault['loc']))}: {fault['msg']}"
            for fault in error.errors()
        )
        raise SettingsError(faults) from None
    uri = config.server.mlflow_tracking_uri or ""
    if uri.startswith(_SQLITE):  # relative to the project, as all other paths are
        config.server.mlflow_tracking_uri = f"{_SQLITE}{PROJECT / uri.removeprefix(_SQLITE)}"
    return config


def _file(catalog: Catalog, name: str) -> Path | None:
    """Return the path of a dataset's file or of its local copy; None if there is neither."""
    file = getattr(stored_dataset(catalog, name), "_file", None)
    return file.path if file is not None and file.path.is_file() else None


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
