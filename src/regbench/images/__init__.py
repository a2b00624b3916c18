"""From labelled pictures to arrays: sources, labels, decoding, duplicates, split, normalization."""
