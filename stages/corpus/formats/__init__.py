"""The annotation formats, one module each; registry.py says which are read, in which order."""
