"""The recommendation: techniques are combined step by step, within a time limit."""

from regbench.pipelines.recommend.pipeline import create_pipeline

__all__ = ["create_pipeline"]
