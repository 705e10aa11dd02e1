"""What the stages hand to each other: paths, clips in shards, transcripts."""
