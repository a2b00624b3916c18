"""What regularizers are given, and return, at the places at which they act."""
