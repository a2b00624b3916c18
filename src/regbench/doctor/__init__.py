"""The doctor: checks of a study, computed from what its trainings leave."""
