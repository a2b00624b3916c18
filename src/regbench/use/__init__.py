"""From the verdict to use: which network is used, refit, calibrated confidence, labels."""
