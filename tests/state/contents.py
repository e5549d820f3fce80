"""What the state folder of d06079b holds: known to the generator and to the test."""

from __future__ import annotations

from itertools import islice

MIB = 1 << 20


def data(name: str, size: int) -> bytes:
    """Bytes that no other name has, each block of them another one, and that compress well."""
    lines = (f"{name} {number:09d}\n".encode() * 64 for number in range(size))
    found = bytearray()
    for block in islice(lines, size):
        found += block
        if len(found) >= size:
            break
    return bytes(found[:size])


STORE = {"small": 1_000, "medium": 100_000, "large": 2 * MIB + 17, "dir/ä": 70_000}
"""Key -> size, in bucket "stored" of the embedded store."""
PARTS = (5 * MIB, 300_000)
"""Of the multipart object "parts" there, and of the pending one of the queue."""
VERSIONS = ("one", "two", "three")
"""Of "key" in bucket "versions", which has a delete marker on "gone"."""
SYNCED = {"a.txt": 500, "folder/b.bin": 120_000}
"""In the sync folder and in bucket "synced"."""
CACHED = {"cached-small": 2_000, "cached-large": 3 * MIB}
"""In bucket "remote", in the read cache."""
PENDING = {"queued-small": 3_000, "queued-large": 2 * MIB}
"""In bucket "remote", in the queue, with the multipart object "queued-parts"."""
DELETED = "deleted"
"""In bucket "remote": its deletion is pending."""
