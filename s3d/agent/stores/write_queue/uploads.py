"""ListMultipartUploads: the uploads that are staged here, and those that were begun at the remote.

Of one key the remote's come first. What the pusher has begun there is nobody else's business.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListMultipartUploads.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from s3d.agent.core.store import operation
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import url_encode
from s3d.agent.s3.listing_merge import Run, merge_runs
from s3d.agent.s3.messages import Members, S3Request, S3Response
from s3d.agent.stores.write_queue.journal import Journal
from s3d.agent.stores.write_queue.settle import Settler
from s3d.agent.stores.write_queue.staging import Stage

MAX_UPLOADS = 1_000

_FIRST = "0"
"""Before every id of a staged upload."""
_LAST = "\U0010ffff"
"""Behind every key that follows a common prefix."""
_NAMES = ("Prefix", "Delimiter", "KeyMarker", "NextKeyMarker")
_PAGING = ("EncodingType", "MaxUploads", "KeyMarker", "UploadIdMarker")
_REMOTE, _STAGED = 0, 1

Place = tuple[bytes, int]
"""Key or common prefix, and whose upload it is: of one key the remote's come first."""
Item = tuple[Place, Members | None]
"""An upload, or None for a common prefix."""
Began = set[tuple[str, str]]
"""(key, id) of uploads that the pusher has begun at the remote; id "": any of the key."""


class UploadListOps:
    """Handler of the listing."""

    def __init__(self, journal: Journal, stage: Stage, settler: Settler) -> None:
        self._journal = journal
        self._stage = stage
        self._inner = settler.inner

    @operation("ListMultipartUploads")
    async def list_multipart_uploads(self, request: S3Request[Members]) -> S3Response[Members]:
        input = request.input
        limit, encoding = input.get("MaxUploads"), input.get("EncodingType")
        if (limit is not None and limit <= 0) or encoding not in (None, "", "url"):
            return await self._inner.call(request)
        size = min(MAX_UPLOADS, limit or MAX_UPLOADS)
        began = await self._journal.uploads_begun(request.bucket)
        staged = _Pages(_STAGED, self._stage_asker(request), self._staged_marker(input))
        await staged.extend(size)
        if staged.run == Run([]) and not began:
            answer = await self._inner.call(request)
            began = await self._journal.uploads_begun(request.bucket)
            if not began:
                return answer
        remote = _Pages(_REMOTE, self._remote_asker(request, began), self._remote_marker(input))
        while True:
            merged: Run[Place, Members] = merge_runs(remote.run, staged.run, Run([]))
            if merged.end is None or len(merged.items) >= size:
                break
            # The nearer end is what keeps the other one's entries back.
            nearer = remote if remote.run.end == merged.end else staged
            await nearer.extend(size)
        more = merged.end is not None or len(merged.items) > size
        return S3Response(_output(input, list(merged.items[:size]), size, more=more))

    def _stage_asker(self, request: S3Request[Members]) -> _Ask:
        fixed = {name: value for name, value in request.input.items() if name not in _PAGING}

        async def ask(paging: Members) -> Members:
            try:
                answer = await self._stage.look(request.replace(input={**fixed, **paging}))
            except S3Error as error:
                if error.code != "NoSuchBucket":
                    raise
                return {}
            return dict(answer.output)

        return ask

    def _remote_asker(self, request: S3Request[Members], began: Began) -> _Ask:
        fixed = {name: value for name, value in request.input.items() if name not in _PAGING}

        async def ask(paging: Members) -> Members:
            page = dict((await self._inner.call(request.replace(input={**fixed, **paging}))).output)
            # What a push has begun meanwhile was entered before the remote was asked for it.
            began.update(await self._journal.uploads_begun(request.bucket))
            page["Uploads"] = [row for row in page.get("Uploads") or () if not _is_in(began, row)]
            page["CommonPrefixes"] = [
                one
                for one in page.get("CommonPrefixes") or ()
                if await self._has_others(request, str(one["Prefix"]), began)
            ]
            return page

        return ask

    async def _has_others(self, request: S3Request[Members], group: str, began: Began) -> bool:
        """Whether the remote has an upload under a common prefix that the pusher has not begun."""
        if not any(key.startswith(group) for key, _ in began):
            return True
        kept = ("Bucket", "ExpectedBucketOwner", "RequestPayer")
        members = {name: request.input[name] for name in kept if request.input.get(name)}
        members["Prefix"] = group

        async def ask(paging: Members) -> Members:
            page = dict((await self._inner.call(request.replace(input=members | paging))).output)
            began.update(await self._journal.uploads_begun(request.bucket))
            page["Uploads"] = [row for row in page.get("Uploads") or () if not _is_in(began, row)]
            return page

        pages = _Pages(_REMOTE, ask, {"KeyMarker": ""})
        while not pages.run.items and pages.run.end is not None:
            await pages.extend(MAX_UPLOADS)
        return bool(pages.run.items)

    def _staged_marker(self, input: Members) -> Members:
        marker = {"KeyMarker": input.get("KeyMarker") or ""}
        if input.get("UploadIdMarker"):
            is_ours = self._is_ours(input)
            marker["UploadIdMarker"] = input["UploadIdMarker"] if is_ours else _FIRST
        return marker

    def _remote_marker(self, input: Members) -> Members:
        marker = {"KeyMarker": input.get("KeyMarker") or ""}
        if input.get("UploadIdMarker"):
            if not self._is_ours(input):
                marker["UploadIdMarker"] = input["UploadIdMarker"]
        elif _is_group(input, marker["KeyMarker"]):
            marker["KeyMarker"] += _LAST
        return marker

    def _is_ours(self, input: Members) -> bool:
        """Whether the marker is the id of a staged upload."""
        key, upload_id = str(input.get("KeyMarker") or ""), str(input["UploadIdMarker"])
        return self._journal.has_upload(str(input["Bucket"]), key, upload_id)


_Ask = Callable[[Members], Awaitable[Members]]
"""A page of a listing, for members that say where it begins and how long it may be."""


class _Pages:
    """One of the two listings, as far as it has been read."""

    def __init__(self, rank: int, ask: _Ask, marker: Members) -> None:
        start: Place = (str(marker["KeyMarker"]).encode(), -1)
        self.run: Run[Place, Members] = Run([], start)
        self._rank = rank
        self._ask = ask
        self._marker = marker

    async def extend(self, size: int) -> None:
        """Read its next page. Raises ServiceUnavailable for one that leads no further."""
        paging = {name: value for name, value in self._marker.items() if value}
        page = await self._ask({**paging, "MaxUploads": size})
        items: list[Item] = [
            ((str(row["Key"]).encode(), self._rank), dict(row)) for row in page.get("Uploads") or ()
        ]
        items += [
            ((str(one["Prefix"]).encode(), _REMOTE), None)
            for one in page.get("CommonPrefixes") or ()
        ]
        end = self._end(page) if page.get("IsTruncated") else None
        self.run = Run([*self.run.items, *sorted(items, key=lambda item: item[0])], end)

    def _end(self, page: Members) -> Place:
        before, key = self._marker, str(page.get("NextKeyMarker") or "")
        self._marker = {"KeyMarker": key, "UploadIdMarker": page.get("NextUploadIdMarker") or ""}
        if not key or self._marker == before:
            message = "The remote's listing of uploads is cut off and does not say where."
            raise S3Error("ServiceUnavailable", message)
        return key.encode(), self._rank


def _is_in(began: Began, row: Members) -> bool:
    return not {(str(row["Key"]), str(row["UploadId"])), (str(row["Key"]), "")}.isdisjoint(began)


def _is_group(input: Members, marker: str) -> bool:
    """Whether a listing ended with this common prefix."""
    prefix, delimiter = str(input.get("Prefix") or ""), str(input.get("Delimiter") or "")
    if not delimiter or not marker.startswith(prefix):
        return False
    found = marker.find(delimiter, len(prefix))
    return found >= 0 and found + len(delimiter) == len(marker)


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
    uploads: list[dict[str, Any]] = [row for _, row in items if row is not None]
    groups: list[Members] = [{"Prefix": place[0].decode()} for place, row in items if row is None]
    if more and items:
        (key, _), last = items[-1]
        output["NextKeyMarker"] = key.decode()
        if last is not None:
            output["NextUploadIdMarker"] = last["UploadId"]
    if input.get("EncodingType") == "url":
        output |= {name: url_encode(output[name]) for name in _NAMES if output.get(name)}
        uploads = [{**row, "Key": url_encode(row["Key"])} for row in uploads]
        groups = [{"Prefix": url_encode(one["Prefix"])} for one in groups]
    if uploads:
        output["Uploads"] = uploads
    if groups:
        output["CommonPrefixes"] = groups
    return output
