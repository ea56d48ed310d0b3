"""Parts of the detector `hvqtrans`."""
