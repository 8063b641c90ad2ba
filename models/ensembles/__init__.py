"""Weights of models."""
