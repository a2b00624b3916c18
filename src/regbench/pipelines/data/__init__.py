"""Preparation of the images: read, split, normalized, and ready to train on."""

from regbench.pipelines.data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
