"""One training pipeline per technique, one namespace per run."""

from regbench.pipelines.training.pipeline import create_pipeline

__all__ = ["create_pipeline"]
