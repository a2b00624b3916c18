"""A study as one file for others to check, and the check of such a file."""

from regbench.pipelines.bundle.pipeline import create_pipeline, create_verification

__all__ = ["create_pipeline", "create_verification"]
