"""Access control: a layer that decides whether a caller may do what it asks for."""
