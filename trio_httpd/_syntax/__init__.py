"""Syntax: bytes to values and back. Pure; knows no trio, no stream, no server."""
