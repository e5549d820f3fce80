"""Which uploads get a receipt, and when their local copies may be evicted.

One value for the whole agent, since the settings may change while it runs.
"""

from __future__ import annotations

from s3d.agent.receipts.receipt_file import Due, Upload
from s3d.shared.config.after_upload import AfterUpload, Order, UploadPolicy


class UploadRules:
    """The settings after_upload and receipts, as they are now. Belongs to the loop."""

    def __init__(self, after_upload: AfterUpload, *, receipts: bool) -> None:
        """receipts: all uploads get one, not only those that may be evicted."""
        self.receipts = receipts
        self.use(after_upload)

    def use(self, after_upload: AfterUpload) -> None:
        """Apply another value of the setting from now on."""
        self.after_upload = after_upload
        self.is_active = self.receipts or after_upload.evicts
        """Whether any upload gets a receipt."""

    @property
    def is_newest_first(self) -> bool:
        """The order of what several policies evict: that of the default if it evicts, else that of
        the first one that does."""
        policies = (self.after_upload.default, *(each for _, each in self.after_upload.entries))
        first = next((policy for policy in policies if policy.evicts), None)
        return first is not None and first.order is Order.NEWEST

    def of(self, bucket: str, key: str) -> UploadPolicy:
        """The policy for a key."""
        return self.after_upload.of(bucket, key)

    def wants_receipt(self, bucket: str, key: str) -> bool:
        """Whether an upload of this key gets a receipt."""
        return self.receipts or self.of(bucket, key).evicts

    def due_at(self, upload: Upload, verified: float) -> Due | None:
        """The eviction of an upload that was verified at a time; None: it is kept."""
        age = self.of(upload.bucket, upload.key).age
        if age is None:
            return None
        return Due(upload.bucket, upload.key, upload.etag, verified + age, upload.at)

    def order(self, due: Due) -> float:
        """A sort key: what has the smallest is evicted first."""
        is_newest = self.of(due.bucket, due.key).order is Order.NEWEST
        return -due.uploaded if is_newest else due.uploaded
