"""Corpus recipes: each file converts one corpus as distributed to the pipeline's data/. See corpora/README.md."""
