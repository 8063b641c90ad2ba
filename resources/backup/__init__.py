"""Copies of a home: made while it runs, checksummed, checked and put back."""
