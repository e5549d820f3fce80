"""The process of the mounts, and how it and the agent call each other."""
