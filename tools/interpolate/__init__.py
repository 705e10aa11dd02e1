"""Weights between those of the base and those of a tuned model: python -m tools.interpolate"""
