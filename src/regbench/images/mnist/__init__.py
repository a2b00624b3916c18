"""MNIST: fetched, read, and laid out as a set of pictures."""
