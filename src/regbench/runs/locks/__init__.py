"""Two runs do not write the same results: locks on a machine and in a store."""
