"""MNIST: download, check, and conversion to a set of image files."""
