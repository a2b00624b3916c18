"""Text that may be shown: without secrets, and without control characters."""
