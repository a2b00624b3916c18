"""Kedro's project settings."""

import os
import sys
import warnings
from importlib.util import find_spec
from typing import Any

from regbench import errors

sys.excepthook = errors.show_uncaught  # Kedro imports the project before any command can catch

from regbench.runs.config_loader import StudyConfigLoader  # noqa: E402
from regbench.runs.hooks import StudyHooks  # noqa: E402

HOOKS: tuple[Any, ...] = (StudyHooks(),)
if find_spec("kedro_mlflow"):  # the extra `mlflow`
    from regbench.runs.mlflow_hooks import TrackingHooks

    HOOKS += (TrackingHooks(),)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # MLflow reports its use otherwise
    # MLflow warns of a class of kedro-mlflow on every command, past any warnings filter.
    _show = warnings.showwarning

    def _show_others(message: Warning | str, *rest: Any) -> None:
        if "Add type hints to the `predict` method" not in str(message):
            _show(message, *rest)

    warnings.showwarning = _show_others  # type: ignore[assignment]
DISABLE_HOOKS_FOR_PLUGINS = ("kedro_mlflow",)  # its package's spelling; mlflow_hooks says why
CONFIG_LOADER_CLASS = StudyConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    "config_patterns": {"mlflow": ["mlflow*"], "airflow": ["airflow*"]},
    # An environment says only what differs from base, key by key.
    "merge_strategy": {"parameters": "soft", "mlflow": "soft", "airflow": "soft"},
}
