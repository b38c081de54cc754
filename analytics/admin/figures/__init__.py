"""Pages that show the figures of `analytics.selectors.metrics`: what they say is read there and nowhere else."""
