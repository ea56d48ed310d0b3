"""Parts of the detector `rd`."""
