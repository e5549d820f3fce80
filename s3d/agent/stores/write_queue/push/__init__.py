"""The way of one pending write to the remote, and what follows from a failure."""
