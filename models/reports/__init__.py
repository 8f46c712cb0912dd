"""Views of a finding for programs and people outside the page."""
