"""Optimizers and learning rate schedules: their settings, and what they compute."""
