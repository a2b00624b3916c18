"""Kedro's project settings."""

from regbench.config_loader import StudyConfigLoader
from regbench.hooks import StudyHooks

HOOKS = (StudyHooks(),)
CONFIG_LOADER_CLASS = StudyConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment says only what differs from base, key by key.
    "merge_strategy": {"parameters": "soft"},
}
