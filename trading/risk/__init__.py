"""Risk measures and the overlay."""
