"""inspect: tomorrow's images with the stored models."""
