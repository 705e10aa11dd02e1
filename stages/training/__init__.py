"""Training: loop, trainer, loss, strategies, batches, augmentation, feature cache."""
