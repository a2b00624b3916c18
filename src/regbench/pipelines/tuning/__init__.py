"""The search for each technique's best settings, one namespace per technique."""

from regbench.pipelines.tuning.pipeline import create_pipeline

__all__ = ["create_pipeline"]
