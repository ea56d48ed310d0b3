"""refine: noisy anomaly maps made clean by filtering the matching cost volume (CostFilter-AD, ICML 2025)."""
