"""Who may do what: headers, origins, log-in. Knows HTTP, but no web framework."""
