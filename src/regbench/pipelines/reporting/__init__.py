"""Comparison of all techniques, the report, and the history of runs."""

from regbench.pipelines.reporting.pipeline import create_doctor, create_pipeline, create_selection

__all__ = ["create_doctor", "create_pipeline", "create_selection"]
