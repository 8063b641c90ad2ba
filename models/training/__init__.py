"""How networks are trained: samples cut out of a window, losses, and one deterministic loop."""
