"""How transcripts are cleaned of what is not words."""
