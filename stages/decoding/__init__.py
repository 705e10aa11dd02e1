"""How a model's text comes out: batches, confidence, long recordings."""
