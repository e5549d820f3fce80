"""How other providers answer, for Fault.edit_xml: what their documents lack or write otherwise."""

from __future__ import annotations

import re

_QUOTED = re.compile(rb"(<ETag>)(?:&#34;|&quot;|\")(.*?)(?:&#34;|&quot;|\")(</ETag>)")
_TOKEN = re.compile(rb"<(NextContinuationToken|NextMarker|NextKeyMarker)>.*?</\1>")


def without_token(document: bytes) -> bytes:
    """A page of a listing that says that more follows, and not how to go on."""
    return _TOKEN.sub(b"", document)


def without_quotes(document: bytes) -> bytes:
    """ETags without their quotes, as some servers write them in listings only."""
    return _QUOTED.sub(rb"\1\2\3", document)
