"""Carrying out a run: configuration, command line, hooks, runner and its processes."""
