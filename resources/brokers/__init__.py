"""Where orders go: adapters of the brokers' port, the journal of what was sent, and the desk that sends it."""
