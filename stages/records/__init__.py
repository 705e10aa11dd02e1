"""The data that stages pass to each other: paths, clips in shards, transcripts."""
