"""The limit between OK and NOK: what it is made from, how it is chosen, where it is kept."""
