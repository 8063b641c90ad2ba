"""Features from bars."""
