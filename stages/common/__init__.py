"""Common to all stages: errors, parameters, files, text tables."""
