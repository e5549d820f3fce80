"""Masks what must not be in a log: the secrets of this process, signatures, tokens, keys."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from s3d.shared.config.values import MASK

SHORTEST_SECRET = 8
"""A shorter secret is only masked where its name stands before it: as a word it could be anywhere,
such as the secret `test` of a development server."""

_secrets: tuple[str, ...] = ()
"""Replaced and never changed, since any thread may be reading it."""

_SENSITIVE = re.compile(
    r"""
      (?P<header> (?:authorization|x-amz-security-token|cookie
                    |x-amz-(?:copy-source-)?server-side-encryption-customer-key)
                  ["']? \s* [:=,] \s* ["']?  [^"'\r\n]+ )
    | (?P<pair> (?:x-amz-signature|x-amz-security-token|signature|awsaccesskeyid) = [^&\s"',]+ )
    | (?P<scope> (?:x-amz-)?credential = [^&\s"',]+ )
    | (?P<member> (?:(?:copysource)?ssecustomerkey|secret_?access_?key|secret_?key
                    |(?:aws_)?session_?token)
                  ["']? \s* [:=,] \s* ["']?  [^"',;&\s}\)]+ )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_TRIGGERS = (
    "authorization", "awsaccesskeyid", "cookie", "credential", "customer-key", "customerkey",
    "secret", "signature", "token",
)  # fmt: skip
"""Each match has one of them. A search for them is fifty times as fast as the expression."""
_SENSITIVE_WORDS = frozenset(
    {
        "signature",
        "x-amz-copy-source-server-side-encryption-customer-key",
        "x-amz-credential",
        "x-amz-security-token",
        "x-amz-server-side-encryption-customer-key",
        "x-amz-signature",
    }
)
"""Of the query of a URL."""
_UNENCODED = " !$&'()*+,/:;=?@"
"""What stays readable in a text that was encoded, with the space of a request line."""
_URL = re.compile(
    r"""(?P<scheme>\b[a-z][a-z0-9+.-]*://) (?P<user>[^\s/?'"]*@)?
    (?P<place>[^\s?'"]*) (?P<query>\?[^\s'"]*)?""",
    re.IGNORECASE | re.VERBOSE,
)
_SEPARATOR = re.compile(r"""["']?\s*[:=,]\s*["']?""")


def hide(*secrets: str | None) -> None:
    """Mask these texts wherever they appear, also percent-encoded, until the process ends."""
    global _secrets
    named = [secret for secret in secrets if secret and len(secret) >= SHORTEST_SECRET]
    encoded = [quote(secret, safe="") for secret in named]
    _secrets = tuple(dict.fromkeys((*_secrets, *named, *encoded)))


def mask(text: str) -> str:
    """Mask secrets, signatures, credential scopes, tokens and Authorization headers in a text."""
    for secret in _secrets:
        text = text.replace(secret, MASK)
    lowered = text.lower()
    if any(trigger in lowered for trigger in _TRIGGERS):
        return _SENSITIVE.sub(_masked, text)
    return text


def _masked(match: re.Match[str]) -> str:
    separator = _SEPARATOR.search(match[0])
    return match[0][: separator.end()] + MASK if separator else MASK


def mask_encoded(text: str) -> str:
    """Mask a text as mask() does, also where it is percent-encoded: a client that encodes a
    presigned URL once too often sends the signature as a part of the key."""
    if "%" not in text:
        return mask(text)
    plain = unquote(text, errors="surrogateescape")
    masked = mask(plain)
    return mask(text) if masked == plain else quote(masked, _UNENCODED, errors="surrogateescape")


def mask_url(text: str) -> str:
    """Mask a URL or a request line as mask() does, and each sensitive word of its query, however a
    client has encoded the name of it."""
    path, mark, query = text.partition("?")
    query, space, version = query.partition(" ")
    words = "&".join(_masked_word(word) for word in query.split("&"))
    return f"{mask_encoded(path)}{mark}{words}{space}{version}"


def mask_credentials(text: str) -> str:
    """Mask the user, the password and the query of each URL in a text that is shown to people."""
    return _URL.sub(
        lambda url: (
            url["scheme"]
            + (f"{MASK}@" if url["user"] else "")
            + url["place"]
            + (f"?{MASK}" if url["query"] else "")
        ),
        text,
    )


def _masked_word(word: str) -> str:
    name, mark, _ = word.partition("=")
    return (
        f"{name}={MASK}"
        if mark and unquote(name).lower() in _SENSITIVE_WORDS
        else mask_encoded(word)
    )
