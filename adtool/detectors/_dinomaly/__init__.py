"""Parts of the detector `dinomaly`."""
