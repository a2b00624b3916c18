"""What becomes of bad input, crashes and full disks: one command, figures in docs."""
