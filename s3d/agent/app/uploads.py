"""Assembles what follows an upload: its receipt, and the eviction of its local copy.

The write queue notes each write that it has pushed (after_push). The task of the eviction writes
the receipts, and evicts from the read cache. Sync folders use the writer and the rules themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from s3d.agent.after_upload.cache_eviction import CacheEviction
from s3d.agent.after_upload.pushed_uploads import PushedUploads
from s3d.agent.core.client import S3Client
from s3d.agent.core.store import ObjectStore
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.messages import Body
from s3d.agent.storage.records import Layout
from s3d.agent.stores.write_queue.push.push_attempt import AdoptPushed
from s3d.shared.config.schema import Config
from s3d.shared.paths import Places


@dataclass(frozen=True, slots=True)
class Uploads:
    """The receipts of one remote, and what may be evicted with them."""

    rules: UploadRules
    writer: ReceiptWriter
    eviction: CacheEviction

    def after_push(
        self, adopt: AdoptPushed | None, body_of: Callable[[Layout], Body]
    ) -> AdoptPushed:
        """What the write queue calls for each pushed write. See PushedUploads."""
        pushed = PushedUploads(
            self.writer, self.rules, body_of=body_of, adopt=adopt, wake=self.eviction.wake
        )
        return pushed.arrived

    def warnings(self) -> list[str]:
        """Warnings for the status."""
        return [each for each in (self.eviction.error, self.writer.error) if each]

    def close(self) -> None:
        self.writer.folder.close()


def open_uploads(config: Config, places: Places, remote: ObjectStore, remote_id: str) -> Uploads:
    """Opens no file before the first receipt. places: of the remote. remote_id: its name in the
    receipts. remote: answers from itself, without a cache."""
    rules = UploadRules(config.after_upload, receipts=config.receipts)
    folder = ReceiptFolder(places.receipts_dir, places.state_dir, config.device)
    writer = ReceiptWriter(folder, remote=S3Client(remote), remote_id=remote_id)
    return Uploads(rules, writer, CacheEviction(writer, rules))
