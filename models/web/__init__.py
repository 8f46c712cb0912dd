"""What leads through a visit: the fields of requests, long work, and the answers that are kept."""
