"""Market regimes."""
