"""The chosen network in the formats of other programs."""

from regbench.pipelines.export.pipeline import create_pipeline

__all__ = ["create_pipeline"]
