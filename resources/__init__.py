"""Adapters of the ports to the outside, one file a port."""
