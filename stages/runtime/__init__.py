"""Running work on this machine: devices, processes, checkpoints, progress, cost."""
