"""The control API's types for the options of a transfer, and for its plan."""

from __future__ import annotations

import msgspec

ACLS = ("private", "public-read", "public-read-write", "authenticated-read", "aws-exec-read",
        "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write")  # fmt: skip
"""Canned access control lists:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl"""
ENCRYPTIONS = ("AES256", "aws:kms", "aws:kms:dsse")
"""Values of x-amz-server-side-encryption."""
LINKS = ("report", "follow", "skip", "note")
"""Of an upload: symbolic links are failures, followed, left out, or left out and counted. The last
one holds for devices, too."""
COMPARISONS = ("contents", "size", "exact")
"""Of a sync: see SyncRules."""


class NewObject(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the written objects have beside their data. A copy without any of it is a plain copy."""

    content_type: str = ""
    """Of an upload, by default guessed from the name; of a copy, by default that of the source."""
    metadata: dict[str, str] | None = None
    """None: of a copy, that of the source."""
    tags: dict[str, str] | None = None
    """None: of a copy, those of the source."""
    headers: dict[str, str] = {}
    """Further headers by lower-case HTTP name, such as cache-control."""

    storage_class: str = ""
    acl: str = ""
    """One of ACLS. A copy never has that of its source."""
    sse: str = ""
    """One of ENCRYPTIONS."""
    sse_kms_key_id: str = ""

    @property
    def protection(self) -> dict[str, str]:
        """Who may read it, and how it is encrypted: header -> value."""
        headers = {
            "x-amz-acl": self.acl,
            "x-amz-server-side-encryption": self.sse,
            "x-amz-server-side-encryption-aws-kms-key-id": self.sse_kms_key_id,
        }
        return {name: value for name, value in headers.items() if value}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return self == NewObject()


class SyncRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Only transfer what is different at the target, which is compared name by name."""

    compare: str = "contents"
    """contents: another size, else another checksum or ETag, else a newer source. size: another
    size only. exact: of a download, a file whose time is another one is different too."""
    delete: bool = False
    """Delete at the end what only the target has. Nothing is deleted after a failure."""
    approved: bool = False
    """Delete also if it empties the target, or deletes more than 50 files and a quarter of it."""


class PlannedTransfer(msgspec.Struct, frozen=True):
    """One line of POST /v1/transfers:plan: what a transfer would do with one object.

    The last line has an empty action: its size is the number of objects that stay as they are.
    """

    action: str
    """upload, download, copy, move, delete; failed for what cannot be transferred."""
    source: str = ""
    """s3://BUCKET/KEY or a path; "" for a deletion at the target of a sync."""
    target: str = ""
    """"" for the deletion of objects."""
    size: int = 0
    reason: str = ""
    """Of a sync: new, size, contents, newer or extra. Of a failure: why."""
    code: str = ""
    """Of an error that ends the plan: its code, as in TransferError."""
