"""Pseudo-labels: what a teacher model hears in recordings that have no transcript."""
