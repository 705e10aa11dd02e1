"""The Whisper model and its input: load and save, log-mel features, prompts, precision."""
