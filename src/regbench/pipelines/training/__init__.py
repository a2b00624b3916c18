"""One training pipeline per technique, one namespace per training."""

from regbench.pipelines.training.pipeline import (
    create_again,
    create_looks,
    create_pilot,
    create_pipeline,
)

__all__ = ["create_again", "create_looks", "create_pilot", "create_pipeline"]
