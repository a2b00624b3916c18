"""The settings of a study: schema, reader, digests and fingerprints."""
