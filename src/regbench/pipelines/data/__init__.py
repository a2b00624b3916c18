"""From pictures to arrays, split and ready to train on."""

from regbench.pipelines.data.pipeline import create_pipeline

__all__ = ["create_pipeline"]
