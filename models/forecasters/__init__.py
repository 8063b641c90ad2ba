"""Models of future returns."""
