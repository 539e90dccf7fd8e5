"""A server as a whole: what it is given, and what it runs with."""
