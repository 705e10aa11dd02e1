"""How a raw corpus is read."""
