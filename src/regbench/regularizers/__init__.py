"""Regularizers: what a technique changes in the training of a network."""
