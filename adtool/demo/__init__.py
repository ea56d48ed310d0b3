"""demo: the whole chain on generated data."""
