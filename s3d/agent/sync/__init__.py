"""Sync folders: a local folder and the objects under a prefix, kept the same in both directions."""
