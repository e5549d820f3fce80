"""Whether all the bytes of an object are those that the remote calls by its ETag or checksum."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from s3d.agent.s3.checksums import ALGORITHMS, Hasher, hasher

_MD5 = re.compile(r'"[0-9a-f]{32}"')
_PLAIN = (None, "", "AES256")
"""Values of ServerSideEncryption with which the ETag of a whole object is its MD5.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html"""


class Claim(NamedTuple):
    """What to hash the bytes with, and what must come out."""

    algorithm: str
    wanted: str
    """Base64 of the digest; for MD5 in hex."""


def claim_of(said: Mapping[str, Any]) -> Claim | None:
    """The best claim that an answer of GetObject for a whole object makes; None: it makes none.

    A checksum costs a tenth of an MD5. One of parts (COMPOSITE) says nothing about the whole.
    """
    if said.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT":
        for name, row in ALGORITHMS.items():
            value = str(said.get(row.member) or "")
            if value and "-" not in value:
                return Claim(name, value)
    plain = said.get("ServerSideEncryption") in _PLAIN and not said.get("SSECustomerAlgorithm")
    etag = str(said.get("ETag", ""))
    return Claim("MD5", etag.strip('"')) if plain and _MD5.fullmatch(etag) else None


class Proof:
    """A claim on trial. It may forgive an MD5: not every server's ETag is one."""

    def __init__(self, claim: Claim | None) -> None:
        self._claim = claim
        self._hasher: Hasher | None = hasher(claim.algorithm) if claim is not None else None

    def update(self, data: bytes | memoryview) -> None:
        if self._hasher is not None:
            self._hasher.update(data)

    @property
    def found(self) -> str:
        """As Claim.wanted."""
        if self._hasher is None or self._claim is None:
            return ""
        is_md5 = self._claim.algorithm == "MD5"
        return self._hasher.digest().hex() if is_md5 else self._hasher.b64()

    @property
    def holds(self) -> bool:
        return self._claim is None or self.found == self._claim.wanted

    @property
    def is_doubtful(self) -> bool:
        """It failed by the ETag, which not every server makes of the bytes."""
        return self._claim is not None and self._claim.algorithm == "MD5"
