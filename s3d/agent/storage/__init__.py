"""Bytes on the local disk: immutable blobs and the index that names them."""
