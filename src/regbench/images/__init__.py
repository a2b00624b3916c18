"""From labelled picture files to arrays: sources, labels, decoding, duplicates, split, scaling."""
