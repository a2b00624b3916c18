"""What is measured of a trained network: a file per figure, or per few that belong together."""
