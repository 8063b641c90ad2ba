"""Signals from forecasts."""
