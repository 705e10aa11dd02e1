"""How a model learns: loop, trainer, loss, strategies, batches, augmentation, feature cache."""
