"""discover: defect classes nobody labelled (AnomalyNCD, CVPR 2025)."""
