"""Parts of the detector `uniad`."""
