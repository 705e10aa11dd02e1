"""Commands beside the pipeline; no stage depends on them."""
