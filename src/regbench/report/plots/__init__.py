"""The report's plots, one file each."""
