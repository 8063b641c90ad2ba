"""Loading market data into a home: what is missing, fetched by producers, stored by one consumer."""
