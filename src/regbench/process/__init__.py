"""What a process finds and how it ends: cores, GPUs and memory, the folder of results, signals."""
