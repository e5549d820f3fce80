"""Odd texts and documents: what a hostile or broken client may write where a value belongs."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

from s3d.agent.s3.model import Member, Shape, service

TEXTS = (
    "", " ", "0", "1", "-1", "+1", "01", "1.5", "1e9", "NaN", "2147483648", "9223372036854775808",
    "1" * 40, "true", "TRUE", "null", "None", "*", "a", "a" * 300, "a" * 5_000, "%", "%25", "%00",
    "%2e%2e%2f", "../..", "/", "//", "a/../b", "\u00fc", "\u20ac", "e\u0301", "\u202e",
    "\U0001f600",
    "\u0661", "<>&\"'", "a=b&a=c", "=", "&&&", "k?versionId=", "id=", 'id="x"', "uri=http",
    "emailAddress=a@b", "bytes=0-", "bytes=-0", "bytes=5-1", "bytes=0-1,3-4", "bytes=99999999999-",
    '"x"', "W/\"x\"", "AAAAAA==", "====", "2090-01-01T00:00:00Z", "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z", "2024-02-30T00:00:00Z", "Mon, 01 Jan 2001 00:00:00 GMT",
    "Thu, 99 Foo 0000 99:99:99 XYZ", "-9999999999", "arn:aws:s3:::plain", "arn:aws:sqs:::",
    "arn:aws:s3:::plain/*", "AES256", "aws:kms", "aws:kms:dsse", "STANDARD", "GLACIER", "COPY",
    "REPLACE", "ON", "GOVERNANCE", "COMPLIANCE", "ENABLED", "url", "private", "CRC32", "SHA256",
    "FULL_OBJECT", "application/json", "a/b; q=0.5", "gzip", "aws-chunked", "chunked", "{}", "[]",
)  # fmt: skip
_SPLICES = (
    "\0", "\ufffe", "&#0;", "&#x10FFFF;", "&undefined;", "<![CDATA[x]]>", "<!-- c -->", "<?pi?>",
    "]]>", "<", "&", '<a b="c"/>', "<!DOCTYPE x>", "\ufeff", "\r\n",
)  # fmt: skip
_PROLOGUES = (
    '<!DOCTYPE x [<!ENTITY e "e">]>',
    '<?xml version="1.0" encoding="UTF-16"?>',
    '<?xml version="1.1"?>',
    "\ufeff",
    "<a>" * 40,
)
_PAIR = re.compile(r"<(\w+)>(?:(?!<\1>).)*?</\1>", re.DOTALL)
_TEXT = re.compile(r">([^<]+)<")
_DEPTH = 6


def mutated_xml(rng: random.Random, document: bytes) -> bytes:
    """A document with one to three changes."""
    text = document.decode("utf-8", "replace")
    for _ in range(rng.randint(1, 3)):
        text = rng.choice(_CHANGES)(rng, text)
    return text.encode("utf-8", "replace")


def _without(rng: random.Random, text: str) -> str:
    return _on_element(rng, text, lambda found: "")


def _repeated(rng: random.Random, text: str) -> str:
    times = rng.choice((2, 3, 60, 1_001))
    return _on_element(rng, text, lambda found: found * (times if len(found) < 300 else 2))


def _emptied(rng: random.Random, text: str) -> str:
    return _on_element(rng, text, lambda found: f"<{found[1:].partition('>')[0]}/>")


def _renamed(rng: random.Random, text: str) -> str:
    return _on_element(rng, text, lambda found: found.replace(found[1:].partition(">")[0], "Other"))


def _on_element(rng: random.Random, text: str, change: Callable[[str], str]) -> str:
    found = list(_PAIR.finditer(text))
    if not found:
        return text
    each = rng.choice(found)
    return text[: each.start()] + change(each[0]) + text[each.end() :]


def _other_text(rng: random.Random, text: str) -> str:
    found = list(_TEXT.finditer(text))
    if not found:
        return text
    each, value = rng.choice(found), rng.choice(TEXTS)
    if rng.random() < 0.9:
        value = value.replace("&", "&amp;").replace("<", "&lt;")
    return f"{text[: each.start(1)]}{value}{text[each.end(1) :]}"


def _spliced(rng: random.Random, text: str) -> str:
    at = rng.randint(0, len(text))
    return text[:at] + rng.choice(_SPLICES) + text[at:]


def _cut(rng: random.Random, text: str) -> str:
    return text[: rng.randint(0, len(text))]


def _prologue(rng: random.Random, text: str) -> str:
    return rng.choice(_PROLOGUES) + text


def _in_namespace(rng: random.Random, text: str) -> str:
    return text.replace(">", ' xmlns="http://s3.amazonaws.com/doc/2006-03-01/">', 1)


_CHANGES: tuple[Callable[[random.Random, str], str], ...] = (
    _without,
    _repeated,
    _emptied,
    _renamed,
    _other_text,
    _other_text,
    _other_text,
    _spliced,
    _cut,
    _prologue,
    _in_namespace,
)


def random_document(rng: random.Random, name: str) -> bytes:
    """The document of an operation by its shape: elements are there or not, and their texts often
    of the right kind."""
    given = service().input_of(name)
    if given.payload is None:
        return b""
    member = given.members[given.payload]
    if service().shapes[member.shape].type == "string":
        return json.dumps(random_policy(rng)).encode()
    tag = member.location_name or given.payload
    return "".join(_element(rng, tag, member, _DEPTH)).encode()


def _element(rng: random.Random, tag: str, member: Member, depth: int) -> list[str]:
    shape = service().shapes[member.shape]
    if shape.type == "structure":
        inside: list[str] = []
        for name, each in shape.members.items():
            if depth and rng.random() < (0.9 if name in shape.required else 0.4):
                inside += _element(rng, each.location_name or name, each, depth - 1)
        return [f"<{tag}>", *inside, f"</{tag}>"]
    if shape.member is not None:
        items: list[str] = []
        is_flat = member.flattened or shape.flattened
        for _ in range(rng.choice((0, 1, 1, 2, 5))):
            inner = tag if is_flat else shape.member.location_name or "member"
            items += _element(rng, inner, shape.member, max(0, depth - 1))
        return items if is_flat else [f"<{tag}>", *items, f"</{tag}>"]
    text = random_text(rng, shape).replace("&", "&amp;").replace("<", "&lt;")
    return [f"<{tag}>{text}</{tag}>"]


def random_text(rng: random.Random, shape: Shape) -> str:
    """A text for a value of a shape: of the right kind, three times out of four."""
    if rng.random() < 0.25:
        return rng.choice(TEXTS)
    if shape.enum:
        return rng.choice(shape.enum)
    if shape.type == "boolean":
        return rng.choice(("true", "false"))
    if shape.type in ("integer", "long"):
        return str(rng.choice((0, 1, 2, 7, 30, 90, 365, 1_000, 10_000, 2**31 - 1)))
    if shape.type == "timestamp":
        return rng.choice(("2090-01-01T00:00:00Z", "2020-01-01T00:00:00Z"))
    return rng.choice(
        ("a", "a/", "", "plain", "arn:aws:s3:::plain", "GET", "*", "http://a.example")
    )


_STRINGS = (
    "*", "", "s3:*", "s3:GetObject", "s3:Get*", "s3:?etObject", "arn:aws:s3:::plain/*",
    "arn:aws:s3:::plain", "${aws:username}", "${aws:SourceIp}", "${", "${*}", "$", "127.0.0.1/8",
    "::/0", "not an address", "true", "10", "2030-01-01T00:00:00Z", "k\u00fc",
    "arn:aws:iam::1:root",
)  # fmt: skip
_OPERATORS = (
    "StringEquals", "StringLike", "StringNotEqualsIfExists", "ForAllValues:StringLike",
    "ForAnyValue:StringEquals", "NumericLessThan", "DateGreaterThan", "Bool", "BinaryEquals",
    "IpAddress", "NotIpAddressIfExists", "ArnLike", "ArnNotEquals", "Null", "Unknown", "",
)  # fmt: skip
_CONDITION_KEYS = (
    "aws:SourceIp", "aws:username", "aws:SecureTransport", "aws:CurrentTime", "s3:prefix",
    "s3:max-keys", "s3:ExistingObjectTag/a", "s3:RequestObjectTag/a", "s3:x-amz-acl", "aws:Referer",
    "s3:signatureAge", "s3:TlsVersion", "aws:PrincipalArn", "s3:authType", "unknown:key", "",
)  # fmt: skip


def random_policy(rng: random.Random) -> Any:
    """A policy of a bucket: mostly of the right form."""
    if rng.random() < 0.05:
        return random_json(rng, 4)
    statements = [_statement(rng) for _ in range(rng.randint(0, 3))]
    return {
        "Version": rng.choice(("2012-10-17", "2012-10-17", "2008-10-17", "2030-01-01", 1)),
        "Id": rng.choice(("id", "", None)),
        "Statement": statements if rng.random() < 0.9 or not statements else statements[0],
    }


def _statement(rng: random.Random) -> dict[str, Any]:
    statement: dict[str, Any] = {
        "Effect": rng.choice(("Allow", "Deny", "Deny", "Maybe")),
        rng.choice(("Principal", "Principal", "NotPrincipal")): rng.choice(
            ("*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root"]}, {"Service": "a"}, [], 5)
        ),
        rng.choice(("Action", "Action", "NotAction")): _strings(rng),
        rng.choice(("Resource", "Resource", "NotResource")): _strings(rng),
    }
    if rng.random() < 0.6:
        statement["Condition"] = {
            rng.choice(_OPERATORS): {rng.choice(_CONDITION_KEYS): _strings(rng)}
            for _ in range(rng.randint(1, 3))
        }
    if rng.random() < 0.1:
        statement[rng.choice(("Sid", "Unknown", "Effect"))] = random_json(rng, 2)
    return statement


def _strings(rng: random.Random) -> Any:
    if rng.random() < 0.1:
        return random_json(rng, 2)
    some = [rng.choice(_STRINGS) for _ in range(rng.randint(1, 3))]
    return some if rng.random() < 0.7 else some[0]


def random_json(rng: random.Random, depth: int) -> Any:
    kind = rng.randrange(8 if depth else 6)
    if kind == 6:
        return [random_json(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    if kind == 7:
        return {rng.choice(TEXTS): random_json(rng, depth - 1) for _ in range(rng.randint(0, 3))}
    return (None, True, rng.randint(-(2**64), 2**64), 1.5, rng.choice(TEXTS), float(10**300))[kind]
