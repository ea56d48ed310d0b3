"""Classes without training: descriptions by a frozen network, clustering, and the number of kinds."""
