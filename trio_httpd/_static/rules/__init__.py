"""Rules: what the options of a docroot say, checked and made ready for use."""
