"""One module per kind of network."""
