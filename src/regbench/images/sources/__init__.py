"""Where a set of images may be: a folder, a zip, a store."""
