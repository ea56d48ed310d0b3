"""What the user types; the only place that prints."""
