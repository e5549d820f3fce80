"""The read cache: what was read once is read again from this disk."""
