"""Which stored datasets no longer match the study, and the records that tell."""
