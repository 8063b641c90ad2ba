"""Sizing and optimisation."""
