"""Readers of a set of images in a folder, a zip, or a store."""
