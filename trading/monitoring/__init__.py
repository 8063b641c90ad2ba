"""Rules that data and models must keep."""
