"""Prediction of the unlabelled images' labels."""

from regbench.pipelines.prediction.pipeline import create_pipeline

__all__ = ["create_pipeline"]
