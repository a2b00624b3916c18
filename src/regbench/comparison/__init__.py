"""Comparison of techniques with the baseline: statistics, verdicts, published claims."""
