"""decide: where the limit between OK and NOK lies."""
