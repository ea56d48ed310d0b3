"""Classes by training: AnomalyNCD's mask-guided representation learning."""
