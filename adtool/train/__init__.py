"""The step `train`: detectors learn their categories."""
