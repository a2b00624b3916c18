"""The search for each technique's best settings, on validation images alone."""
