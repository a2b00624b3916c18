"""Which stored datasets no longer match the study."""
