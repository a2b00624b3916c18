"""Every technique against the baseline: statistics, the comparison, published claims."""
