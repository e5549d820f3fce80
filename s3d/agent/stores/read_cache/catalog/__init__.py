"""The catalog: what is cached, its files and their checksums, the room for it, and eviction."""
