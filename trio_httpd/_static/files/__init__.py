"""Files: find, open, cache and read them, with the fields of each."""
