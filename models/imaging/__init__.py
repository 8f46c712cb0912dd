"""From bytes to a scan, and from a scan to the patch that the networks read."""
