"""Formats in which a trained network is handed to other programs, a file each."""
