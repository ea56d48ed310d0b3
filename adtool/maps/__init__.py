"""maps: one anomaly map per test image."""
