"""How a study's answer changes with the number of train images and with the network's size."""
