"""From a scan and a location in it to a finding: weights, calibration, measurement, the pipeline."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter hides the app's own lines
