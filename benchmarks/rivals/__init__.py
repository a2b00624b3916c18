"""The scripts that a person would write instead of using RegBench."""
