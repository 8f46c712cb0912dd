"""What the server says of itself: logs and counts, without patient data."""
