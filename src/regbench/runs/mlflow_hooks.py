"""What is logged in MLflow after a run, where the extra ``mlflow`` is installed.

kedro-mlflow reads ``mlflow.yml`` and opens MLflow's pages (``kedro mlflow ui``). Its own hooks are
off: they keep one run per session with the settings as one text, ask the database at the start of
every command, and fail the command where it does not answer.
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
# A server that is down is not to hold up a run for minutes.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}


class TrackingHooks:
    """Hooks of every session with the extra ``mlflow``."""

    @hook_impl
    def after_context_created(self, context: KedroContext) -> None:
        """Read ``mlflow.yml``; nothing is opened yet.

        Raises:
            SettingsError: It has a wrong key or value.
        """
        self._context = context
        self._config = _read_config(context.config_loader["mlflow"])
        # Where `kedro mlflow ui` looks.
        context.mlflow = self._config  # type: ignore[attr-defined]

    @hook_impl(tryfirst=True)  # while the results are reserved, and before failed runs raise
    def after_pipeline_run(
        self, run_params: dict[str, Any], pipeline: Pipeline, catalog: Catalog
    ) -> None:
        """Log what is not in MLflow yet; where that fails, say so and go on."""
        names = run_params.get("pipeline_names") or ["__default__"]
        if set(names) <= set(self._config.tracking.disable_tracking.pipelines):
            return
        noisy = [logging.getLogger(name) for name in ("mlflow", "alembic", "kedro_mlflow")]
        levels = [logger.level for logger in noisy]
        try:
            for other in noisy:
                other.setLevel(logging.CRITICAL)  # each attempt is a warning of its own
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
        made = pipeline.all_outputs()
        names = [name for name in made | pipeline.inputs() if name.endswith("_results")]
        if not any(name in made for name in ("comparison", *names)):
            return  # nothing is trained or compared
        from regbench.comparison import compare
        from regbench.history import mlflow, tracking
        from regbench.study import fingerprints
        from regbench.study.technique import Technique

        settings = catalog.load("parameters")
        current = fingerprints.current_fingerprints(
            catalog.load("data_fingerprint"), settings["preparation"], settings["fingerprints"]
        )
        stored = {name.removesuffix("_results"): catalog.load(name) for name in sorted(names)}
        fresh, _ = compare.set_aside_stale(stored, current, settings["protocol"]["seeds"])
        trainings = [
            training
            for technique, results in fresh.items()
            for training in tracking.tracked_trainings(
                results, Technique.model_validate(settings["techniques"][technique]), settings
            )
        ]
        of_study = tracking.study_fingerprint(next(iter(current.values())))
        compared = "comparison" in made
        files = [_file(catalog, name) for name in _REPORT if name in made]
        study = tracking.TrackedStudy(
            name=f"{Path(settings['images']).name} {of_study[:6]}",
            fingerprint=of_study,
            parameters=tracking.shared_parameters(settings),
            comparison=catalog.load("comparison") if compared else None,
            note=catalog.load("comparison_markdown") if compared else "",
            files=[file for file in files if file],
        )
        networks = {
            (made.technique, made.seed): _file(
                catalog, f"{made.technique}.seed_{made.seed}.network"
            )
            for made in trainings
        }
        self._open()
        new = mlflow.log_study(
            self._config.server._mlflow_client,
            self._config.tracking.experiment._experiment.experiment_id,
            study,
            trainings,
            {training: file for training, file in networks.items() if file},
        )
        logger.info("MLflow: %d new runs logged in %s", new, _without_password(self._uri()))

    def _open(self) -> None:
        """Connect, and make the database and the experiment if they are not there."""
        for name, value in _PATIENCE.items():
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
    if uri.startswith(_SQLITE):  # its path counts from the project, as all others do
        config.server.mlflow_tracking_uri = f"{_SQLITE}{PROJECT / uri.removeprefix(_SQLITE)}"
    return config


def _file(catalog: Catalog, name: str) -> Path | None:
    """Where a dataset is stored on this machine, or its copy is, if there is one."""
    file = getattr(stored_dataset(catalog, name), "_file", None)
    return file.path if file is not None and file.path.is_file() else None


def _without_password(uri: str) -> str:
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
