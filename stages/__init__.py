"""Fine-tune Whisper on children's speech and measure the change in word error rate, as a DVC pipeline."""

import os

# Whoever trains on children's recordings reports to nobody that they do; dvc's own reports are off in .dvc/config.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
