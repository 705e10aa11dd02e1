"""Corpus recipes: one file a corpus, which turns it as distributed into the pipeline's data/. See corpora/README.md."""
