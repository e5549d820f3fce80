"""Front ends: each serves the top of the stack of stores to one kind of client."""
