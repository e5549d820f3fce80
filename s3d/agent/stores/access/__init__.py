"""Access control: layers that decide whether a caller may do what it asks for."""
