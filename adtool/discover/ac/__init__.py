"""Anomaly Clustering: whole images grouped by the mean of their patches, weighted by how strange each patch is."""
