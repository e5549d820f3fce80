"""Which key a name in the mount stands for, and the other way round. Pure.

A key is cut at its slashes into components, and each component is a name. Most components are
names as they are. The others are shown with one of three endings, which say how to read the name:

    100%s3d-object       the object "100", beside the folder "100"
    %2E%2E%s3d-name      the component "..": what no name can have is written as in a URL
    %s3d-name            the empty component, as between two slashes
    long...%s3d-5f0c...  a component of more than 255 bytes: its beginning, and 16 digits of a hash

A component that has such an ending itself is shown in the second form. So each component has
exactly one name, and each name stands for at most one component. A hash cannot be read back: the
component is looked for in a listing (see Form.CUT).

A file system has byte strings as names, S3 has UTF-8 only. A name that is not UTF-8 has no key.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

LONGEST_NAME = 255
"""Bytes."""
MARK = "%s3d-"

_HASH_BYTES = 8
_LONGEST_CUT = LONGEST_NAME - len(MARK) - 2 * _HASH_BYTES
"""Bytes of a long component that its name begins with, at most."""
_ENDING = re.compile(rf"(.*){MARK}(name|object|[0-9a-f]{{{2 * _HASH_BYTES}}})", re.DOTALL)
_UNUSUAL = re.compile("[%\0\ud800-\udfff]")
"""Written as %XX in an escaped name."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPED = re.compile("(?:%[0-9A-F]{2})+")


class Form(Enum):
    """How a name shows a component."""

    PLAIN = "plain"
    ESCAPED = "name"
    BESIDE_FOLDER = "object"
    """An object beside a folder that has its plain name."""
    CUT = "cut"
    """The beginning of the component and a hash."""


class Name(NamedTuple):
    """What a name says about its component."""

    form: Form
    text: str
    """The component; with Form.CUT how it begins."""


def name_of(component: str, *, beside_folder: bool = False) -> str:
    """The name of a component of a key. beside_folder: it is an object, and a folder has its
    plain name."""
    if not beside_folder and _is_plain(component):
        return component
    form = Form.BESIDE_FOLDER if beside_folder else Form.ESCAPED
    name = _escape(component) + MARK + form.value
    return name if len(name.encode()) <= LONGEST_NAME else _cut(component, form)


def parse_name(name: str) -> Name:
    """The component that a name stands for; name: decoded with surrogateescape.

    Raises OSError: EILSEQ for a name that is not UTF-8, ENAMETOOLONG for one that is too long,
    EINVAL for one that has an ending of s3d but is the name of no component.
    """
    size = len(name)
    if not name.isascii():
        try:
            size = len(name.encode())
        except UnicodeEncodeError:
            raise OSError(errno.EILSEQ, os.strerror(errno.EILSEQ), name) from None
    if size > LONGEST_NAME:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), name)
    ending = _ENDING.fullmatch(name) if MARK in name else None
    if ending is None:
        return Name(Form.PLAIN, name)
    try:
        text = _unescape(ending[1])
        if ending[2] not in (Form.ESCAPED.value, Form.BESIDE_FOLDER.value):
            return Name(Form.CUT, text)
        form = Form(ending[2])
        if name_of(text, beside_folder=form is Form.BESIDE_FOLDER) == name:
            return Name(form, text)
    except UnicodeDecodeError:
        pass
    raise OSError(errno.EINVAL, f"no key has a name with the ending {MARK}{ending[2]}", name)


def _is_plain(component: str) -> bool:
    if component in ("", ".", "..") or "\0" in component:
        return False
    if MARK in component and _ENDING.fullmatch(component):
        return False
    if component.isascii():
        return len(component) <= LONGEST_NAME
    return not _SURROGATE.search(component) and len(component.encode()) <= LONGEST_NAME


def _escape(component: str) -> str:
    """The component without anything that a name cannot have."""
    if component in (".", ".."):
        return component.replace(".", "%2E")
    return _UNUSUAL.sub(_escape_character, component)


def _escape_character(match: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in match[0].encode(errors="surrogatepass"))


def _unescape(text: str) -> str:
    """Raises UnicodeDecodeError."""
    return _ESCAPED.sub(
        lambda run: unquote_to_bytes(run[0]).decode(errors="surrogatepass"),
        text,
    )


def _cut(component: str, form: Form) -> str:
    """The name of a component that is too long."""
    beginning, size = [], 0
    for character in component:
        piece = _escape(character) if character != "." else character
        size += len(piece.encode())
        if size > _LONGEST_CUT:
            break
        beginning.append(piece)
    digest = hashlib.blake2b(
        component.encode(errors="surrogatepass"),
        digest_size=_HASH_BYTES,
        person=form.value.encode(),
    )
    return "".join(beginning) + MARK + digest.hexdigest()
