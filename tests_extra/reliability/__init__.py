"""What becomes of bad input, crashes and full disks: `python -m tests_extra.reliability`."""
