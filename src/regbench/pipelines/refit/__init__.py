"""The network to ship: the best technique, trained on more images."""

from regbench.pipelines.refit.pipeline import create_pipeline

__all__ = ["create_pipeline"]
