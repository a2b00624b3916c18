"""What a process finds, shows and how it ends: cores, GPUs, the folder of results, signals."""
