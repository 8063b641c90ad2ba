"""Performance and its statistics."""
