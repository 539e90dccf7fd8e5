"""HTTP/1: what one version puts on the wire."""
