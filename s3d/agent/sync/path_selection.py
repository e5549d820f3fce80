"""What is synced: the folder's filter, .s3dignore, a policy, the tag s3d.sync, and the room."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec.structs import replace

from s3d.agent.core.client import S3Client
from s3d.agent.core.path_names import is_reserved
from s3d.agent.s3.errors import S3Error
from s3d.agent.selection.decision import PolicyUnavailable
from s3d.agent.selection.use_policy import UsePolicy
from s3d.agent.storage.disk import Disk
from s3d.agent.sync.ignore_files import IGNORE_FILE, Ignore
from s3d.agent.sync.interfaces import Undecided
from s3d.agent.sync.path_state import LocalEntry, RemoteEntry, is_folder
from s3d.agent.sync.reasons import translate_errors
from s3d.shared.control import ObjectInfo
from s3d.shared.filters.expression import EVERYTHING, Filter, Verdict
from s3d.shared.filters.terms import Attributes, FilterSubject

TAG = "s3d.sync"
"""Tag of an object: false, it is not synced."""
_ALL_OF_OBJECT = Attributes.TAGS | Attributes.HEADERS | Attributes.METADATA
QUIET, QUIET_LARGE, LARGE = 1.0, 2.0, 64 << 20
"""Seconds for which a file must not have been written to; longer above so many bytes."""
FLOOR, FLOOR_SHARE = 1 << 30, 0.05
"""Free disk space that downloads leave: bytes or a share, whichever is less."""


class PathSelection:
    """What of a folder is synced."""

    def __init__(self, objects: S3Client, bucket: str, prefix: str, ignore: Ignore,
                 filter: Filter = EVERYTHING, *,
                 policy: UsePolicy | None = None) -> None:  # fmt: skip
        self.filter, self.ignore, self._policy = filter, ignore, policy
        self._objects, self._bucket, self._prefix = objects, bucket, prefix
        self._known: dict[tuple[str, str], str] = {}
        """Path and ETag -> the reason of an exclusion that needed a request to the remote."""

    def skips(self, folder: str) -> bool:
        """Whether a walk skips a folder."""
        return self.ignore.matches(folder)

    async def excluded(
        self, path: str, local: LocalEntry | None, remote: RemoteEntry | None
    ) -> str:
        """Why a path is not synced; "" if it is. Raises Unavailable."""
        if is_reserved(path):
            return "the name is reserved"
        if self.ignore.matches(path):
            return f"{IGNORE_FILE} excludes it"
        etag = remote.etag if remote is not None else ""
        why = self._known.get((path, etag))
        if is_folder(path):
            return why or ""
        if why is None:
            why = "" if self.filter is EVERYTHING else await self._filtered(path, local, remote)
        if why or self._policy is None:
            return why
        return await self._policy_reason(self._policy, self._subject(path, local, remote), remote)

    async def _filtered(
        self, path: str, local: LocalEntry | None, remote: RemoteEntry | None
    ) -> str:
        subject = self._subject(path, local, remote)
        decision = self.filter.explain(subject)
        if decision.verdict is Verdict.UNKNOWN:
            with translate_errors():
                subject = await self._all_of(subject, decision.missing, remote)
            decision = self.filter.explain(subject)
        why = "" if decision.verdict is Verdict.INCLUDE else decision.why
        if remote is not None and remote.etag:
            self._remember(path, remote.etag, why)
        return why

    async def _policy_reason(
        self, policy: UsePolicy, subject: FilterSubject, remote: RemoteEntry | None
    ) -> str:
        """Why the policy excludes it. Not remembered: a policy changes without a trace here.

        Raises Undecided when there is no decision: an exclusion would drop what is known of the
        path, and a later pass would take an old file for a new one.
        """
        try:
            with translate_errors():
                subject = await self._all_of(subject, _ALL_OF_OBJECT, remote)
                return await policy.policy_reason(subject)
        except PolicyUnavailable as error:
            raise Undecided(f"the policy cannot be evaluated: {error}") from error

    def _subject(
        self, path: str, local: LocalEntry | None, remote: RemoteEntry | None
    ) -> FilterSubject:
        size = remote.size if remote is not None else local.signature.size if local else 0
        return FilterSubject(bucket=self._bucket, key=self._prefix + path, size=size, path=path)

    async def _all_of(
        self, subject: FilterSubject, missing: Attributes, remote: RemoteEntry | None
    ) -> FilterSubject:
        """The subject with its missing attributes.

        A file that is no object yet has no tags, no metadata and no headers but its length.
        """
        bucket, key = subject.bucket, subject.key
        tags: Mapping[str, str] = {}
        info: ObjectInfo | None = None
        if remote is not None and missing & Attributes.TAGS:
            tags = await self._objects.tags(bucket, key)
        if remote is not None and missing & (Attributes.HEADERS | Attributes.METADATA):
            info = await self._objects.head(bucket, key)
        bucket_tags = subject.bucket_tags
        if missing & Attributes.BUCKET_TAGS:
            try:
                bucket_tags = await self._objects.tags(bucket)
            except S3Error as error:
                if error.status >= 500:
                    raise
                bucket_tags = {}
        return replace(
            subject,
            tags=tags,
            metadata=info.metadata if info is not None else {},
            headers={} if info is None else info.http_headers,
            bucket_tags=bucket_tags,
        )

    def tagged_out(self, path: str, etag: str, tags: Mapping[str, str]) -> str:
        """Why an object with these tags is not synced; remembered."""
        if tags.get(TAG) != "false":
            return ""
        why = f"its tag {TAG} is false"
        self._remember(path, etag, why)
        return why

    def _remember(self, path: str, etag: str, why: str) -> None:
        if len(self._known) > 100_000:
            self._known.clear()
        self._known[path, etag] = why


def is_quiet(local: LocalEntry, clock: Callable[[], float] = time.time) -> bool:
    """Whether nobody has written to a file for a while.

    By ctime, which is the system's clock and cannot be set; a ctime in the future is ignored.
    """
    quiet = QUIET_LARGE if local.signature.size > LARGE else QUIET
    return not 0 <= clock() - local.signature.ctime_ns / 1e9 < quiet


class Room:
    """The room for downloads. Call refresh() before a pass."""

    def __init__(self, root: Path, max_size: int | None, max_files: int | None) -> None:
        self._disk = Disk(root)
        self._max_size, self._max_files = max_size, max_files
        self._files = self._size = 0
        self._claims: dict[str, int] = {}

    def refresh(self, files: int, size: int) -> None:
        """files, size: that there are."""
        self._files, self._size = files, size
        self._claims.clear()

    def claim(self, path: str, size: int) -> bool:
        """Whether a file of this size still fits; if so, its room is not given to another."""
        if path in self._claims:
            return True
        if self._max_size is not None and self._size + size > self._max_size:
            return False
        if self._max_files is not None and self._files >= self._max_files:
            return False
        if not self._disk.has_free(size, FLOOR, FLOOR_SHARE):
            return False
        self._claims[path] = size
        self._files += 1
        self._size += size
        return True
