"""The comparison of all techniques."""

from regbench.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
