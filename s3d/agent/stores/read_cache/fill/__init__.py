"""How bytes come from the remote into an entry, and to those who read it meanwhile."""
