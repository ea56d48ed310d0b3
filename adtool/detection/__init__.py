"""What carries detectors: their contract, their stored models, their options, and where maps come from."""
