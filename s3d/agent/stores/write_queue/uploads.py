"""ListMultipartUploads: the uploads that are staged here, and those that were begun at the remote.

Of one key the remote's come first. What the pusher has begun there is nobody else's business.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import url_encode
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue import journal_rows
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.settle import Settler
from s3d.agent.stores.write_queue.staging import Stage

MAX_UPLOADS = 1_000

_FIRST = "0"
"""Before every id of a staged upload."""
_NAMES = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")

Item = tuple[str, bool, Members]
"""Key or common prefix, whether it is staged, and the row."""


class UploadListOps:
    """Handler of the listing."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._settler = settler

    @operation("ListMultipartUploads")
    async def list_multipart_uploads(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        limit, encoding = input.get("MaxUploads"), input.get("EncodingType")
        if (limit is not None and limit <= 0) or encoding not in (None, "", "url"):
            return await self._settler.inner.call(request)
        asked = {name: value for name, value in input.items() if name != "EncodingType"}
        staged = await self._staged(request, asked)
        ours = await self._journal.read(lambda reader: journal_rows.begun(reader, request.bucket))
        if not staged.get("Uploads") and not staged.get("CommonPrefixes") and not ours:
            return await self._settler.inner.call(request)
        remote = (await self._settler.inner.call(self._of_remote(request, asked))).output
        items = _items(staged, True)
        for key, is_staged, row in _items(dict(remote), False):
            if not row or not {(key, row["UploadId"]), (key, "")} & ours:
                items.append((key, is_staged, row))
        items.sort(key=lambda item: item[:2])
        items = [item for at, item in enumerate(items) if not _is_repeated(items, at)]
        size = min(MAX_UPLOADS, limit or MAX_UPLOADS)
        more = bool(staged.get("IsTruncated") or remote.get("IsTruncated") or len(items) > size)
        return S3Response(_output(input, items[:size], size, more=more))

    async def _staged(self, request: S3Request[Members], asked: Members) -> Members:
        marker = asked.get("UploadIdMarker")
        if marker and not self._is_ours(request):
            asked = {**asked, "UploadIdMarker": _FIRST}
        try:
            answer = await self._stage.look(request.replace(input=asked))
        except S3Error as error:
            if error.code != "NoSuchBucket":
                raise
            return {}
        return dict(answer.output)

    def _of_remote(self, request: S3Request[Members], asked: Members) -> S3Request[Members]:
        if asked.get("UploadIdMarker") and self._is_ours(request):
            asked = {name: value for name, value in asked.items() if name != "UploadIdMarker"}
        return request.replace(input=asked)

    def _is_ours(self, request: S3Request[Members]) -> bool:
        """Whether the marker is the id of a staged upload."""
        input = request.input
        key, upload_id = str(input.get("KeyMarker") or ""), str(input["UploadIdMarker"])
        return self._journal.has_upload(request.bucket, key, upload_id)


def _items(page: Members, staged: bool) -> list[Item]:
    uploads = [(str(row["Key"]), staged, dict(row)) for row in page.get("Uploads") or ()]
    groups: list[Item] = [
        (str(one["Prefix"]), staged, {}) for one in page.get("CommonPrefixes") or ()
    ]
    return uploads + groups


def _is_repeated(items: list[Item], at: int) -> bool:
    """A common prefix that both listings have."""
    return at > 0 and not items[at][2] and items[at - 1][0] == items[at][0]


def _output(input: Members, items: list[Item], size: int, *, more: bool) -> Members:
    output: Members = {
        "Bucket": input["Bucket"],
        "Prefix": input.get("Prefix") or "",
        "KeyMarker": input.get("KeyMarker") or "",
        "UploadIdMarker": (input.get("KeyMarker") and input.get("UploadIdMarker")) or "",
        "MaxUploads": size,
        "IsTruncated": more,
        **{name: input[name] for name in ("Delimiter", "EncodingType") if input.get(name)},
    }
    uploads: list[dict[str, Any]] = [row for _, _, row in items if row]
    groups: list[Members] = [{"Prefix": name} for name, _, row in items if not row]
    if more and items:
        output["NextKeyMarker"] = items[-1][0]
        if items[-1][2]:
            output["NextUploadIdMarker"] = items[-1][2]["UploadId"]
    if input.get("EncodingType") == "url":
        output |= {name: url_encode(output[name]) for name in _NAMES if output.get(name)}
        uploads = [{**row, "Key": url_encode(row["Key"])} for row in uploads]
        groups = [{"Prefix": url_encode(one["Prefix"])} for one in groups]
    if uploads:
        output["Uploads"] = uploads
    if groups:
        output["CommonPrefixes"] = groups
    return output
