"""The wire: how each version of HTTP travels, on any `trio.abc.Stream`."""
