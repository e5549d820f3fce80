"""What every S3 client does in the tests, and what it sees: shared by the clients and the test.

A client is a program of its own. `python -m tests.e2e.clients.NAME` runs in the environment of the
clients, imports nothing of s3d, and prints a JSON object of the steps that it carried out.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

KEY = "a folder/ü+& one.txt"
COPY = "a folder/copy of ü+&.txt"
TEXT = b"hello\n"
LARGE_KEY = "large file"
PART = 5 * 1024**2
LARGE = bytes(range(251)) * (6 * 1024**2 // 251)
"""Two parts. 251 is prime: a block that lands in the wrong place differs."""
RANGE = slice(PART - 10, PART + 10)
"""Bytes of both parts."""
MANY = "many files/"
FILES = 1_001
"""Below MANY: one page of a listing holds 1,000."""
FOLDERS = ["many files/sub a/", "many files/sub+b/"]
DOOMED = [f"doomed/{n} ü" for n in range(10)]
TAGS = {"project": "a b+c"}
VERSIONS = [b"first", b"second"]

EXPECTED: dict[str, Any] = {
    "create": True,
    "put": True,
    "multipart": hashlib.sha256(LARGE).hexdigest(),
    "get": TEXT.decode(),
    "range": LARGE[RANGE].hex(),
    "list": [FILES, FOLDERS],
    "copy": TEXT.decode(),
    "delete many": [10, 0],
    "tag": TAGS,
    "version": [one.decode() for one in VERSIONS],
    "presign": TEXT.decode(),
}


@dataclass(frozen=True)
class ClientSetup:
    """Where a client works."""

    endpoint: str
    access_key: str
    secret: str
    bucket: str
    """Not there yet, unless the client cannot create buckets."""
    listed: str
    """A bucket with FILES keys below MANY, and one in each of FOLDERS."""
    versioned: str
    """A bucket with versioning."""


Steps = Callable[[ClientSetup], Iterable[tuple[str, Any]]]


def main(steps: Steps) -> None:
    """Run the steps of a client with the place in the arguments, and print what it saw."""
    bucket, listed, versioned = sys.argv[1:]
    place = ClientSetup(
        os.environ["AWS_ENDPOINT_URL_S3"],
        os.environ["AWS_ACCESS_KEY_ID"],
        os.environ["AWS_SECRET_ACCESS_KEY"],
        bucket,
        listed,
        versioned,
    )
    json.dump(dict(steps(place)), sys.stdout)


def fetch(url: str) -> str:
    """The text behind a presigned URL, without any S3 client."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def listing(keys: Iterable[str]) -> Iterator[Any]:
    """The value of the step "list": how many keys, and the prefixes among them."""
    every = list(keys)
    folders = sorted(key for key in every if key.endswith("/"))
    yield len(every) - len(folders)
    yield folders
