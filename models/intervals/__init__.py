"""Calibration of intervals."""
