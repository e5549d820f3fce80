"""The journal: which writes are pending, on disk and in memory, and what became of them."""
