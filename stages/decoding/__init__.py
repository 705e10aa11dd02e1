"""Decoding: batches, greedy and beam search, confidence, long recordings."""
