"""Evaluation of trained networks: predictions, figures, pruning, corruption."""
