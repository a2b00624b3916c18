"""Training one network: the loop, the compiled step, progress events."""
