"""Listings: what is in a folder, for people and for programs."""
