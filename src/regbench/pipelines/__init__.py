"""Kedro pipelines: thin wiring of RegBench's pure functions."""
