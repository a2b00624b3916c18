"""Kedro datasets that kedro-datasets lacks, and atomic writes for those that it has."""
