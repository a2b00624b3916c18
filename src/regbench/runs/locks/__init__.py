"""Locks that keep two runs from writing the same results, on one machine and across machines."""
