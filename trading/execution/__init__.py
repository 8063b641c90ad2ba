"""Orders, fills and the ledger."""
