"""Fine-tune Whisper on children's speech and measure the change in word error rate, as a DVC pipeline."""

import os

# Private data: telemetry off. DVC's own is turned off in .dvc/config.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
