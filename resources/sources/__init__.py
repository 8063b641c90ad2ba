"""Market data sources."""
