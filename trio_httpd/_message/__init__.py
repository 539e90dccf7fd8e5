"""Messages as HTTP means them, whatever version carried them."""
