"""Rows that are read at once are what the reader of elements finds in them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3d.agent.s3 import xml
from s3d.agent.s3.model_overrides import LIST_LIMITS, NAMESPACE
from s3d.agent.s3.xml_rows import FEW, NotAlike, read_alike
from s3d.agent.s3.xml_shapes import node_of

SHAPE = "ListObjectsV2Output"
NODE = node_of(SHAPE)
TIME = "<LastModified>2026-11-22T12:00:00.000Z</LastModified>"


def row(number: int, key: str = "k", more: str = "") -> str:
    """One of a remote that writes ETags as AWS does."""
    etag = f"&quot;{number:032x}&quot;"
    return (
        f"<Contents><Key>{key}{number}</Key>{TIME}<ETag>{etag}</ETag><Size>{number}</Size>"
        f"<ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
        f"<Owner><ID>i{number}</ID></Owner>{more}</Contents>"
    )


def page(rows: str, more: str = "") -> bytes:
    head = f'<ListBucketResult xmlns="{NAMESPACE}"><Name>b</Name>'
    return f"{head}{rows}{more}</ListBucketResult>".encode()


def by_handlers(data: bytes) -> Any:
    with patch.object(xml, "is_large_and_plain", lambda _: False):
        return xml.read(data, SHAPE, None, strict=False)


def outcome(read: Any, data: bytes) -> Any:
    try:
        return read(data)
    except ValueError:
        return ValueError


def by_rows(data: bytes) -> Any:
    with patch("s3d.agent.s3.xml.is_large_and_plain", lambda _: True):
        return xml.read(data, SHAPE, None, strict=False)


ROWS = "".join(map(row, range(FEW)))


def test_all_rows_but_the_first_are_read_at_once() -> None:
    alike = read_alike(page(ROWS, "<KeyCount>16</KeyCount>"), NODE)
    assert alike.document == page(row(0), "<KeyCount>16</KeyCount>").decode()
    assert (alike.member, len(alike.rows)) == ("Contents", FEW - 1)
    assert alike.rows[-1] == {
        "Key": "k15",
        "LastModified": datetime(2026, 11, 22, 12, tzinfo=UTC),
        "ETag": f'"{15:032x}"',
        "Size": 15,
        "ChecksumAlgorithm": ["CRC32"],
        "Owner": {"ID": "i15"},
    }


def test_rows_with_a_single_member() -> None:
    prefixes = "".join(f"<CommonPrefixes><Prefix>{n}/</Prefix></CommonPrefixes>" for n in range(20))
    data = page(row(1), prefixes)
    assert read_alike(data, NODE).rows == [{"Prefix": f"{n}/"} for n in range(1, 20)]
    assert by_rows(data) == by_handlers(data)


@pytest.mark.parametrize(
    "other",
    [
        row(7, more="<StorageClass>GLACIER</StorageClass>"),
        row(7, "a&amp;b"),
        row(7, "a\rb"),
        row(7, "a\x01b"),
        row(7, "a]]>b"),
        row(7, "a\u2028b"),
        row(7, "\ufffe"),
        row(7).replace("<Key>", "<Key >"),
        row(7).replace("<Key>", "<Key xmlns='x'>"),
        row(7).replace("<Size>7</Size>", "<Size>seven</Size>"),
        row(7).replace("<Size>7</Size>", "<Size/>"),
        row(7).replace("<Owner>", "<Owner><ID>twice</ID>"),
        row(7).replace("&quot;", "&#34;"),
        row(7).replace("&quot;", "'"),
        row(7) + "between",
        row(7) + "<Prefix>p</Prefix>",
        row(7) + "<!---->",
        f"<Unknown>{row(7)}</Unknown>",
        "</ListBucketResult>",
        row(7).replace("</Owner>", ""),
    ],
)
def test_a_row_that_is_not_like_the_first(other: str) -> None:
    for rows in (ROWS + other + row(99), other + ROWS):
        data = page(rows)
        assert outcome(by_rows, data) == outcome(by_handlers, data)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("<Owner>", "<Owner>text"),
        lambda text: text.replace("</Contents>", "\n</Contents>"),
        lambda text: text.replace("<Owner>", "<Unknown>x</Unknown><Owner>"),
        lambda text: text.replace("Owner>", "Unknown>"),
        lambda text: text.replace("<Key>", "<Key><Key>x</Key>"),
        lambda text: text.replace(
            "<ChecksumAlgorithm>", "<ChecksumAlgorithm>SHA1</ChecksumAlgorithm><ChecksumAlgorithm>"
        ),
        lambda text: text.replace("<Size>", "<Size>&quot;").replace("</Size>", "&quot;</Size>"),
        lambda text: text.replace("<Key>", "<Key>&quot;").replace("</Key>", "&quot;</Key>"),
        lambda text: text.replace("Contents>", "Unknown>"),
        lambda text: f"<Unknown>{text}</Unknown>",
        lambda text: f"<Contents>{text}</Contents>",
        lambda text: text.replace("<Contents>", "</Contents><Contents>", 1),
        lambda text: text.replace("Owner>", "o:Owner>"),
    ],
)
def test_rows_of_another_form(change: Any) -> None:
    data = page(change(ROWS))
    assert outcome(by_rows, data) == outcome(by_handlers, data)


def test_few_rows_and_too_many() -> None:
    with pytest.raises(NotAlike):
        read_alike(page(row(1) * (FEW - 1)), NODE)
    with pytest.raises(UnicodeDecodeError):
        read_alike(page(ROWS) + b"\xff", NODE)
    name, limit = next(iter(LIST_LIMITS.items()))
    assert limit > FEW, name


_TEXTS = st.text(
    st.sampled_from("abc/%+é&;<>]\"' \n\r\x00\x7f\ud800\u2028\ufeff\U0001f600"), max_size=6
)
_PIECES = st.sampled_from(
    ["<Key>", "</Key>", "<Size>", "</Size>", "<Owner>", "</Owner>", "<ID>", "</ID>", "<X/>",
     "<Contents>", "</Contents>", "1", "k", "&quot;", "&amp;", " ", TIME]
)  # fmt: skip


@given(st.lists(_TEXTS, max_size=3), st.booleans())
def test_any_keys(keys: list[str], escaped: bool) -> None:
    texts = [xml.escape(key) if escaped else key for key in keys]
    rows = "".join(row(n, texts[n % len(texts)] if texts else "") for n in range(FEW + 3))
    data = page("").replace(b"</List", rows.encode("utf-8", "surrogatepass") + b"</List")
    assert outcome(by_rows, data) == outcome(by_handlers, data)


@given(st.lists(_PIECES, max_size=12), st.integers(1, 2))
def test_any_rows(pieces: list[str], times: int) -> None:
    rows = f"<Contents>{''.join(pieces)}</Contents>" * (FEW * times)
    data = page(rows)
    assert outcome(by_rows, data) == outcome(by_handlers, data)
