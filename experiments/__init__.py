"""Recipes that run as they stand (*.sh), and what they share: queue, wait, show, plot."""
