"""The market domain, pure: it knows no orchestration, network, clock or environment."""
