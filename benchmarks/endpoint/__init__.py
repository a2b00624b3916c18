"""Which figure of a training is steadiest at equal meaning."""
