"""doctor: the state of this machine, and how long a chain would take on it."""
