"""CFA (Lee et al., 2022): coupled-hypersphere feature adaptation; the detector is `adtool.detectors.cfa`."""
