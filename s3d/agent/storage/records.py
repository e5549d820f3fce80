"""The records of the index: buckets, objects, uploads and parts, and their encoding on disk.

The form on disk is msgpack, structs as arrays: a field is only ever added at the end, with a
default, so that an older row stays readable. No input or output here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec

T = TypeVar("T")

NULL_VERSION = "null"
"""Version id of what was written while versioning was not enabled."""

STANDARD = "STANDARD"


class DataKey(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The data key of one encrypted blob: see encrypted_blocks.py."""

    id: bytes
    """Random; the associated data of its blocks contain it."""
    part: int
    """Number of the part that the blob was written for; 0: none. A copy keeps it."""
    size: int
    """Bytes of the whole blob before its encryption."""
    wrapped: bytes
    """The key, encrypted by the wrapping key of the object: nonce, ciphertext, tag."""


class Encryption(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The wrapping key of an object or upload: where it is, and not what it is."""

    method: str
    """SSE-C, SSE-S3, SSE-KMS or DSSE-KMS."""
    key_id: str = ""
    """Of a key of the key ring; "" for SSE-C."""
    salt: bytes = b""
    """SSE-C: the wrapping key is derived from the customer's key and this."""
    proof: bytes = b""
    """SSE-C: the salted HMAC of the customer's key."""


class Extent(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A run of bytes of one blob; of an encrypted one, of the bytes before their encryption."""

    blob: int
    offset: int
    size: int
    sums: bytes = b""
    """Checksums of all blocks of the blob (blocks.BlockSums); empty in rows of layout 1."""
    data_key: DataKey | None = None
    """None: the blob is not encrypted."""


class Checksum(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A checksum beyond the ETag."""

    algorithm: str
    """A name of checksums.ALGORITHMS."""
    value: str
    """Base64; of a composite one with -N behind it."""
    kind: str = "FULL_OBJECT"
    """FULL_OBJECT or COMPOSITE."""


class PartSize(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One part of a finished multipart object, for GET ?partNumber= and GetObjectAttributes."""

    number: int
    size: int
    checksum: str = ""
    """Base64, of the algorithm of the object."""


class Layout(msgspec.Struct, frozen=True, array_like=True):
    """Where the bytes of an object lie: nowhere (empty), in one row of the index, or in files.

    Kept beside the record and not in it: ten thousand parts are of no interest to a listing.
    """

    extents: tuple[Extent, ...] = ()
    inline: bool = False
    """True: the one extent is a row of the index; False: all are files."""
    parts: tuple[PartSize, ...] = ()


EMPTY = Layout()
ELSEWHERE = Layout(inline=True)
"""Of an object whose bytes this store does not have: a copy that the remote is still to make."""


class Description(msgspec.Struct, frozen=True, array_like=True):
    """The attributes that the writer of an object has set."""

    headers: dict[str, Any] = {}
    """Members that GET and HEAD give back: ContentType, CacheControl, ServerSideEncryption, ..."""
    metadata: dict[str, str] = {}
    tags: dict[str, str] = {}
    acl: dict[str, Any] | None = None
    """As GetObjectAcl gives it; None: private."""


class ObjectRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a listing shows of a version of an object, or of a delete marker.

    It is read from the beginning of the encoded ObjectRecord; what follows there is skipped, which
    halves the cost of a page.
    """

    key: str
    seq: int = 0
    """Grows with each version of a key; microseconds since 1970 where the clock allows."""
    version_id: str = NULL_VERSION
    """NULL_VERSION, or version_id_of(seq)."""
    modified: float = 0.0
    """Unix seconds; S3 shows whole ones."""
    size: int = 0
    etag: str = ""
    """Quoted, as in S3."""
    storage_class: str = STANDARD
    checksum: Checksum | None = None
    delete_marker: bool = False


class ObjectRecord(ObjectRow, frozen=True, array_like=True):
    """All stored attributes of the object but its bytes."""

    description: Description = Description()
    upload_id: str = ""
    """The multipart upload that made it: a repeated Complete gets the same answer."""
    owner: str = ""
    """Canonical id of the account that owns the object; "": the default owner's, as all objects of
    layouts before 3."""
    encryption: Encryption | None = None
    """None: its bytes are not encrypted."""
    annotations: int = 0
    """How many annotations the version has (annotation_rows.py)."""


class Stored(NamedTuple):
    """A version together with the place of its bytes."""

    record: ObjectRecord
    layout: Layout


class Remembered(Stored):
    """A cached Stored with values that are derived from it; both are dropped together."""

    def __init__(self, *_: object) -> None:
        self.made: dict[Any, Any] = {}
        """By a key that its maker chooses; few, and of no great size."""


class BucketRecord(msgspec.Struct, frozen=True, array_like=True):
    """One bucket."""

    name: str
    created: float
    region: str = "us-east-1"
    versioning: str = ""
    """"", Enabled or Suspended."""
    object_lock: bool = False
    owner: str = ""
    """Canonical id of the account that owns the bucket; "": the default owner's."""
    has_other_owners: bool = False
    """True once an object or upload of another account than the bucket's owner was put into it:
    listings then read the owner of each object."""
    notifies: bool = False
    """It has a notification configuration, so changes of its objects are events."""


class UploadRecord(msgspec.Struct, frozen=True, array_like=True):
    """A multipart upload that is neither complete nor aborted."""

    id: str
    """Ids of later uploads sort behind those of earlier ones."""
    key: str
    initiated: float
    storage_class: str = STANDARD
    description: Description = Description()
    checksum_algorithm: str = ""
    checksum_kind: str = ""
    owner: str = ""
    """Canonical id of the account that will own the object; "": the default owner's."""
    initiator: str = ""
    """Canonical id of the account that began the upload; "": the default owner's."""
    encryption: Encryption | None = None
    """Of all its parts."""
    condition_members: dict[str, Any] = {}
    """The CONDITION_MEMBERS of the request that began it."""


class PartRecord(msgspec.Struct, frozen=True, array_like=True):
    """One part of an unfinished upload."""

    number: int
    size: int
    etag: str
    """Quoted MD5."""
    modified: float
    extents: tuple[Extent, ...] = ()
    checksum: Checksum | None = None


class StoreTotals(NamedTuple):
    """objects: current ones; size: bytes of all versions and of the parts of unfinished uploads."""

    objects: int = 0
    size: int = 0


MAX_SEQ = (1 << 63) - 1
"""The largest integer of SQLite."""


def version_id_of(seq: int) -> str:
    """The version id that S3 shows; from it seq_of finds the row."""
    return f"{seq:016x}"


def seq_of(version_id: str) -> int | None:
    """The inverse; None for text that is not one of our version ids."""
    try:
        seq = int(version_id, 16)
    except ValueError:
        return None
    return seq if seq <= MAX_SEQ and version_id_of(seq) == version_id else None


def cut(extents: Iterable[Extent], start: int, size: int) -> tuple[Extent, ...]:
    """The extents of a range of the bytes that extents hold."""
    pieces = []
    for extent in extents:
        if size <= 0:
            break
        if start >= extent.size:
            start -= extent.size
            continue
        taken = min(extent.size - start, size)
        pieces.append(
            Extent(extent.blob, extent.offset + start, taken, extent.sums, extent.data_key)
        )
        start, size = 0, size - taken
    return tuple(pieces)


encode = msgspec.msgpack.Encoder().encode
decode_bucket = msgspec.msgpack.Decoder(BucketRecord).decode
decode_object = msgspec.msgpack.Decoder(ObjectRecord).decode
decode_row = msgspec.msgpack.Decoder(ObjectRow).decode
decode_layout = msgspec.msgpack.Decoder(Layout).decode
decode_upload = msgspec.msgpack.Decoder(UploadRecord).decode
decode_part = msgspec.msgpack.Decoder(PartRecord).decode
