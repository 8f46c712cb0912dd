"""How the check that an upload is CT came to be."""
