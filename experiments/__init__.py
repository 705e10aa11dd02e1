"""Recipes (*.sh, run them as they are), and the modules that they call: queue and wait, read results, plot."""
