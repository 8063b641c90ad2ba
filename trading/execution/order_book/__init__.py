"""A tick-level limit order book: matching, recorded data played back, and one's own orders in its queues."""
