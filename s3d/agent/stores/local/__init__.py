"""The embedded store: an ordered index over immutable blobs."""
