"""Commands outside the pipeline; no stage depends on them."""
