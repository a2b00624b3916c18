"""What a trained network is worth: predictions, figures, pruning, corruption."""
