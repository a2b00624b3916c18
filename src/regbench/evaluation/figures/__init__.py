"""Figures of trained networks: a module per figure, or per few that belong together."""
