"""Streams, sockets and time: what moves the bytes, whatever they mean."""
