"""Both readers of XML agree about the documents of remotes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

import pytest

from s3d.agent.s3 import xml
from s3d.agent.s3.model_overrides import NAMESPACE
from s3d.agent.s3.xml_shapes import MAX_ELEMENTS
from s3d.agent.s3.xml_tree import is_large_and_plain

SHAPE = "ListObjectsV2Output"
ROOT = "ListBucketResult"
ROWS = "".join(
    f"<Contents><Key>d/{n:04}</Key><Size>{n}</Size><ETag>&quot;{n:032x}&quot;</ETag><Owner><ID>i"
    f"</ID></Owner><LastModified>2026-11-22T12:00:{n % 60:02}.000Z</LastModified></Contents>"
    for n in range(200)
)


def document(more: str = "", rows: str = ROWS) -> bytes:
    return f'<{ROOT} xmlns="{NAMESPACE}"><Name>b</Name>{rows}{more}</{ROOT}>'.encode()


def by_handlers(data: bytes, shape: str = SHAPE, root: str | None = ROOT) -> Any:
    with patch.object(xml, "is_large_and_plain", lambda _: False):
        return xml.read(data, shape, root, strict=False)


def test_a_page_of_a_listing() -> None:
    data = document("<CommonPrefixes><Prefix>d/x/</Prefix></CommonPrefixes>")
    assert is_large_and_plain(data)
    page = xml.read(data, SHAPE, ROOT, strict=False)
    assert page["Contents"][7] == {
        "Key": "d/0007",
        "Size": 7,
        "ETag": f'"{7:032x}"',
        "Owner": {"ID": "i"},
        "LastModified": datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC),
    }
    assert page["CommonPrefixes"] == [{"Prefix": "d/x/"}]
    assert page == by_handlers(data)


@pytest.mark.parametrize(
    "more",
    [
        "<Unknown><Key>x</Key></Unknown>",
        "<Prefix>a<Unknown>x</Unknown>b<Unknown/>c</Prefix>",
        "<Prefix></Prefix><Delimiter/>",
        "<Name>twice</Name>",
        f'<s:Prefix xmlns:s="{NAMESPACE}">p</s:Prefix><Prefix xmlns="other">q</Prefix>',
        "<undeclared:Prefix>p</undeclared:Prefix>",
        "<!-- a comment --><Prefix><![CDATA[<p>]]></Prefix>",
        "<?instruction?><Prefix> &lt;&#xE9;&amp;\n </Prefix>",
    ],
)
def test_what_else_a_document_may_have(more: str) -> None:
    data = document(more)
    assert xml.read(data, SHAPE, ROOT, strict=False) == by_handlers(data)


def test_attributes_and_wrapped_lists() -> None:
    grant = (
        '<Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Group">'
        "<URI>u</URI></Grantee><Permission>READ</Permission></Grant>"
    )
    data = f"<A><AccessControlList>{grant * 100}</AccessControlList></A>".encode()
    policy = xml.read(data, "AccessControlPolicy", None, strict=False)
    grants = [{"Grantee": {"Type": "Group", "URI": "u"}, "Permission": "READ"}] * 100
    assert (policy, policy) == ({"Grants": grants}, by_handlers(data, "AccessControlPolicy", None))


@pytest.mark.parametrize(
    "data",
    [
        document()[:-5],
        document("<Prefix>&unknown;</Prefix>"),
        document("<Prefix>\0</Prefix>"),
        document().replace(b"d/0001", b"\xff"),
        document().replace(ROOT.encode(), b"Other"),
        document("<MaxKeys>many</MaxKeys>"),
        document("<Contents><Size>2.5</Size></Contents>"),
        b"<!DOCTYPE d [<!ENTITY a 'ha'>]>" + document("<Prefix>&a;</Prefix>"),
        document(rows="<a/>" * MAX_ELEMENTS),
        document().decode().encode("utf-16"),
    ],
)
def test_a_broken_document_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - expat and we say it in many ways
        xml.read(data, SHAPE, ROOT, strict=False)
