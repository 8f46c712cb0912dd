"""Two scans of one patient for people and programs: growth of each nodule, page, JSON, text."""
