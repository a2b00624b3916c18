"""A study as one file that another person can check, and the checks."""
