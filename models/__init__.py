"""What learns: forecasters, intervals, ensembles, regimes."""
