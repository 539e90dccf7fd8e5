"""Files: what a path leads to, opened, held, and with all that is said of it."""
