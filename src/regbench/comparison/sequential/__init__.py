"""Verdicts on a study that is judged several times while it trains: staged looks."""
