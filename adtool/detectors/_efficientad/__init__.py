"""Parts of the detector `efficientad`."""
