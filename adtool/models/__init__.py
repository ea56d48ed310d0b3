"""models: what is stored of the detectors and filters, and which maps need it."""
