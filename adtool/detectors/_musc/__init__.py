"""Parts of the detector `musc`."""
