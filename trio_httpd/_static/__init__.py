"""Static files: from a path below a docroot to a response."""
