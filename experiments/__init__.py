"""Recipes (*.sh, run without arguments), and the modules that they call to queue, wait for and plot experiments."""
