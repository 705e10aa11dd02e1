"""Fine-tune Whisper on children's speech and measure the change in word error rate, as a DVC pipeline."""
