"""One exchange: the connection object, and what becomes of its handler."""
