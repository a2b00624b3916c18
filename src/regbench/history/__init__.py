"""Runs over time: the history, its page, alarms, notification, MLflow."""
