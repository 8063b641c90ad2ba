"""Training of the checkpoints that the repository ships, on synthetic data only."""
