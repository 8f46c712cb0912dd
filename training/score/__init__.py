"""Scores for a list of nodules, on one machine or on a Ray cluster; the command is in ``__main__``."""
