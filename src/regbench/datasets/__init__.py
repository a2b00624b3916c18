"""Kedro datasets that the ecosystem lacks, and whole-or-not-at-all writing for those it has."""
