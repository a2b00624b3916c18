"""How a set of images is labelled: class folders, split folders, label files, file names."""
