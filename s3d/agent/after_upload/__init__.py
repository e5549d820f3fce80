"""After an upload: its receipt, and the eviction of its local copy."""
