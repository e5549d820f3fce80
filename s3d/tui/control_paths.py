"""Paths of the control API that the app calls. Pure."""

from __future__ import annotations

from urllib.parse import quote, urlencode

PAGE_SIZE = "1000"
"""Keys of one page of a listing."""


def bucket_path(bucket: str) -> str:
    return f"/v1/buckets/{quote(bucket, safe='')}"


def property_path(bucket: str, name: str = "") -> str:
    """A property of a bucket; all of them when name is empty."""
    return f"{bucket_path(bucket)}/properties" + (f"/{quote(name, safe='')}" if name else "")


def object_path(bucket: str, key: str, verb: str = "", **parameters: str) -> str:
    """verb: an action on the object, such as ":presign". Empty parameters are left out."""
    query = urlencode({"key": key, **{name: text for name, text in parameters.items() if text}})
    return f"{bucket_path(bucket)}/object{verb}?{query}"


def listing_path(
    bucket: str, prefix: str, *, cursor: str = "", deep: bool = False, key_states: bool = False
) -> str:
    """One page of a prefix. deep: all keys below it, without common prefixes.

    key_states: with the queue and cache state of each key.
    """
    parameters = {"prefix": prefix, "cursor": cursor, "limit": PAGE_SIZE}
    if not deep:
        parameters["delimiter"] = "/"
    if key_states:
        parameters["standing"] = "1"  # the name of key_states in the API
    return f"{bucket_path(bucket)}/objects?{urlencode(parameters)}"


def versions_path(bucket: str, key: str, limit: int) -> str:
    return f"{bucket_path(bucket)}/versions?{urlencode({'key': key, 'limit': str(limit)})}"


def version_pages_path(bucket: str, prefix: str, cursor: str) -> str:
    """One page of all versions and delete markers below a prefix."""
    parameters = {"prefix": prefix, "cursor": cursor, "limit": PAGE_SIZE}
    return f"{bucket_path(bucket)}/versions?{urlencode(parameters)}"


def tags_path(bucket: str, key: str = "") -> str:
    """Tags of an object; of the bucket when key is empty."""
    return f"{bucket_path(bucket)}/tags" + (f"?{urlencode({'key': key})}" if key else "")


def status_path(bucket: str, key: str = "") -> str:
    """What the agent knows of an object; of the bucket when key is empty."""
    parameters = {"bucket": bucket, "key": key} if key else {"bucket": bucket}
    return f"/v1/status?{urlencode(parameters)}"


def folder_path(name: str, suffix: str = "") -> str:
    """A sync folder. suffix: what is below it, or an action, such as ":pause"."""
    return f"/v1/sync/{quote(name, safe='')}{suffix}"


def transfer_path(id: str, verb: str) -> str:
    """An action on one transfer, also on a write of the queue."""
    return f"/v1/transfers/{id}:{verb}"


def queue_path(verb: str) -> str:
    """An action on the whole write queue."""
    return f"/v1/queue:{verb}"
