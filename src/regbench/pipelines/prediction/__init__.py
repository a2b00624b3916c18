"""Labels for the unlabelled images."""

from regbench.pipelines.prediction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
