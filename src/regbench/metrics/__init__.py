"""Metrics: what a study may be decided by. A module per metric."""
