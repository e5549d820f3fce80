"""What can be copied of a bucket or an object: a letter, what it is, the text itself. Pure."""

from __future__ import annotations

import shlex
from urllib.parse import quote


def copies(bucket: str, key: str, etag: str, endpoint: str) -> list[tuple[str, str, str]]:
    """key "": of the bucket. etag "": of a prefix. The true key, not the one that is shown."""
    uri = f"s3://{bucket}/{key}"
    found = [
        ("k", "key", key),
        ("u", uri, uri),
        ("a", "ARN", f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")),
        ("e", f"ETag {etag}", etag.strip('"')),
        ("l", "local URL", f"{endpoint}/{bucket}/{quote(key, safe='/-_.~')}"),
        ("c", "aws command", _aws(uri, endpoint, is_object=bool(etag))),
    ]
    wanted = {"k": bool(key), "e": bool(etag)}
    return [row for row in found if wanted.get(row[0], True)]


def _aws(uri: str, endpoint: str, *, is_object: bool) -> str:
    words = ["aws", "s3", "cp", uri, "."] if is_object else ["aws", "s3", "ls", uri]
    return shlex.join([*words, "--endpoint-url", endpoint])
