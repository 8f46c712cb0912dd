"""From a scan and a place in it to a finding: weights, calibration, measurement, the pipeline."""
