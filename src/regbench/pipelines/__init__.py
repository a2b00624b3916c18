"""Kedro pipelines: nodes that pass datasets to the functions of the other packages."""
