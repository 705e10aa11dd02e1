"""How work is run on this machine: devices, processes, checkpoints, progress, cost."""
