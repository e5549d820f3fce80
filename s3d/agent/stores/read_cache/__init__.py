"""The read cache: objects that were read once are served from the local disk."""
