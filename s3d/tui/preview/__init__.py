"""Previews of objects: what is read, how it is decoded in a process of its own, how it is drawn."""
