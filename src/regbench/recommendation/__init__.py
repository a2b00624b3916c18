"""The stepwise combination of techniques, and the recommendation that it leads to."""
