"""xml: what may come in, what is refused, and that what goes out is read by strict parsers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3d.agent.s3 import xml
from s3d.agent.s3.model_overrides import NAMESPACE

NOON = datetime(2026, 11, 22, 12, 0, 5, tzinfo=UTC)


def read(document: str | bytes, shape: str = "Delete", root: str | None = "Delete") -> Any:
    data = document.encode() if isinstance(document, str) else document
    return xml.read(data, shape, root, strict=True)


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "document",
    [
        "<Delete><Object><Key>a</Key></Object></Delete>",
        '<?xml version="1.0" encoding="UTF-8"?>\n<Delete>\n<Object> <Key>a</Key></Object></Delete>',
        f'<Delete xmlns="{NAMESPACE}"><Object><Key>a</Key></Object></Delete>',
        f'<s3:Delete xmlns:s3="{NAMESPACE}"><s3:Object><s3:Key>a</s3:Key></s3:Object></s3:Delete>',
        "\ufeff<Delete><Object><Key>a</Key></Object></Delete>",
        "<Delete><!-- c --><Object><Key><![CDATA[a]]></Key></Object><?pi?></Delete>",
        "<Delete><Object><Key>&#97;</Key><New><Key>b</Key></New></Object><Other/></Delete>",
    ],
)
def test_names_are_matched_by_their_local_part(document: str) -> None:
    assert read(document) == {"Objects": [{"Key": "a"}]}


def test_text_is_kept_as_it_is() -> None:
    document = "<Delete><Object><Key> a&amp;&lt;&#xD;\n </Key><VersionId/></Object></Delete>"
    assert read(document) == {"Objects": [{"Key": " a&<\r\n ", "VersionId": ""}]}


def test_an_attribute_is_a_member() -> None:
    grantee = "<ID>1</ID><URI>u</URI>"
    document = (
        '<A xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><AccessControlList><Grant>'
        f'<Grantee xsi:type="Group" other="1">{grantee}</Grantee><Permission>READ</Permission>'
        "</Grant></AccessControlList></A>"
    )
    assert read(document, "AccessControlPolicy", None) == {
        "Grants": [{"Grantee": {"Type": "Group", "ID": "1", "URI": "u"}, "Permission": "READ"}]
    }


def test_an_empty_wrapped_list_is_there_and_an_empty_flattened_one_is_not() -> None:
    assert read("<Tagging><TagSet/></Tagging>", "Tagging", "Tagging") == {"TagSet": []}
    assert xml.read(b"<Delete/>", "Delete", "Delete", strict=False) == {}


@pytest.mark.parametrize(
    ("shape", "element", "value"),
    [
        ("LifecycleExpiration", "<Date>2026-11-22T12:00:05Z</Date>", {"Date": NOON}),
        ("LifecycleExpiration", "<Days> 3 </Days>", {"Days": 3}),
        ("ObjectIdentifier", "<Key>k</Key><Size>9007199254740993</Size>",
         {"Key": "k", "Size": 2**53 + 1}),
        ("Delete", "<Object><Key>k</Key></Object><Quiet>true</Quiet>",
         {"Objects": [{"Key": "k"}], "Quiet": True}),
        ("VersioningConfiguration", "<MfaDelete>Disabled</MfaDelete>", {"MFADelete": "Disabled"}),
        ("CORSConfiguration",
         "<CORSRule><AllowedMethod>GET</AllowedMethod><AllowedOrigin>*</AllowedOrigin>"
         "<AllowedMethod>PUT</AllowedMethod></CORSRule>",
         {"CORSRules": [{"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}]}),
    ],
)  # fmt: skip
def test_values_are_read_by_their_type(shape: str, element: str, value: Any) -> None:
    assert read(f"<R>{element}</R>", shape, None) == value


@pytest.mark.parametrize(
    "document",
    [
        "",
        "this is not xml",
        "<Delete>",
        "<Delete></Deleted>",
        "<Delete/><Delete/>",
        "<Remove><Object><Key>a</Key></Object></Remove>",
        "<Delete/>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>&unknown;</Key></Object></Delete>",
        "<Delete><Object><Key>&#1;</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key><Size>large</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key><Size>9223372036854775808</Size></Object></Delete>",
        "<Delete><Object><Key>a</Key><LastModifiedTime>now</LastModifiedTime></Object></Delete>",
        "<Delete><Quiet>maybe</Quiet><Object><Key>a</Key></Object></Delete>",
        b"<Delete><Object><Key>\xff\xfe</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object></Delete>".encode("utf-16"),
        "<Delete><Object><Key>a</Key></Object></Delete>".encode("utf-16-be"),
        b"\0" * 100,
    ],
)  # fmt: skip
def test_broken_documents_are_refused(document: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - expat and we say it in many ways
        read(document)


def test_a_latin1_declaration_does_not_change_the_encoding() -> None:
    declaration = b'<?xml version="1.0" encoding="ISO-8859-1"?>'
    document = declaration + b"<Delete><Object><Key>\xe9</Key></Object></Delete>"
    with pytest.raises(ValueError, match="decode"):
        read(document)


def test_unknown_values_of_closed_enumerations_are_refused() -> None:
    with pytest.raises(ValueError, match="one of"):
        read("<V><Status>on</Status></V>", "VersioningConfiguration", None)


ENTITIES = "".join(f'<!ENTITY a{n} "{10 * f"&a{n - 1};"}">' for n in range(1, 10))
LAUGHS = (
    f'<!DOCTYPE d [<!ENTITY a0 "ha">{ENTITIES}]><Delete><Object><Key>&a9;</Key></Object></Delete>'
)


@pytest.mark.parametrize(
    "document",
    [
        LAUGHS.encode(),
        LAUGHS.encode("utf-16"),
        LAUGHS.encode("utf-16-le"),
        ('<!DOCTYPE d [<!ENTITY a "' + 100_000 * "A" + '">]><Delete><Object><Key>'
         + 10_000 * "&a;" + "</Key></Object></Delete>").encode(),
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete>&x;</Delete>',
        b'<!DOCTYPE d [<!ENTITY % x SYSTEM "http://127.0.0.1:9/">%x;]><Delete/>',
        b'<!DOCTYPE Delete SYSTEM "http://127.0.0.1:9/d.dtd"><Delete/>',
        100_000 * b"<a>" + 100_000 * b"</a>",
        b"<Delete>" + 100_000 * b"<a>" + 100_000 * b"</a>" + b"</Delete>",
        b"<Delete>" + 16 * b"<a>" + 16 * b"</a>" + b"</Delete>",
        b"<Delete>" + 100_000 * b"<a/>" + b"</Delete>",
        b"<Delete>" + 1_001 * b"<Object><Key>k</Key></Object>" + b"</Delete>",
    ],
)  # fmt: skip
def test_hostile_documents_are_refused(document: bytes) -> None:
    with pytest.raises(
        ValueError, match=r"not allowed|too deep|invalid|decode|UTF-8|more than|is a"
    ):
        read(document)


def test_as_many_keys_and_parts_as_aws_allows_are_read() -> None:
    objects = 1_000 * "<Object><Key>k</Key><VersionId>v</VersionId></Object>"
    assert len(read(f"<Delete>{objects}</Delete>")["Objects"]) == 1_000
    part = "<Part><PartNumber>1</PartNumber><ETag>e</ETag><ChecksumSHA256>c</ChecksumSHA256></Part>"
    document = f"<C>{10_000 * part}</C>"
    assert len(read(document, "CompletedMultipartUpload", None)["Parts"]) == 10_000
    with pytest.raises(ValueError, match="more than 10000"):
        read(f"<C>{10_001 * part}</C>", "CompletedMultipartUpload", None)


def test_a_lenient_reading_takes_what_a_remote_may_send() -> None:
    document = b"<R><Name>a</Name><Name>b</Name><Contents/></R>"
    value = xml.read(document, "ListObjectsV2Output", None, strict=False)
    assert value == {"Name": "b", "Contents": [{}]}


# ---------------------------------------------------------------- writing


def test_members_are_written_in_order_with_the_lists_last() -> None:
    write = xml.writer("ListObjectsV2Output", "R", namespace="urn:x", lists_last=True)
    page = {
        "Contents": [{"Size": 1, "Key": "a&b"}, {"Key": "c", "Size": None, "LastModified": NOON}],
        "CommonPrefixes": [],
        "KeyCount": 2,
        "IsTruncated": False,
        "Delimiter": None,
        "RequestCharged": "requester",
        "Unheard": "of",
    }
    assert write(page) == (
        '<R xmlns="urn:x"><IsTruncated>false</IsTruncated><KeyCount>2</KeyCount>'
        "<Contents><Key>a&amp;b</Key><Size>1</Size></Contents>"
        "<Contents><Key>c</Key><LastModified>2026-11-22T12:00:05.000Z</LastModified></Contents></R>"
    )


@pytest.mark.parametrize(
    ("shape", "value", "text"),
    [
        ("Tagging", {"TagSet": []}, "<R><TagSet></TagSet></R>"),
        ("Tagging", {}, "<R/>"),
        ("Tagging", {"TagSet": [{"Key": "a", "Value": ""}]},
         "<R><TagSet><Tag><Key>a</Key><Value></Value></Tag></TagSet></R>"),
        ("TagSet", [{"Key": "a"}], "<R><Tag><Key>a</Key></Tag></R>"),
        ("ObjectVersion", {"ETag": '"e"', "ChecksumAlgorithm": ["CRC32", "SHA1"]},
         "<R><ETag>&quot;e&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>"
         "<ChecksumAlgorithm>SHA1</ChecksumAlgorithm></R>"),
        ("Grantee", {"ID": "1", "Type": "CanonicalUser"},
         '<R xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">'
         "<ID>1</ID></R>"),
        ("ObjectIdentifier", {"LastModifiedTime": NOON},
         "<R><LastModifiedTime>Sun, 22 Nov 2026 12:00:05 GMT</LastModifiedTime></R>"),
        ("MetricsAndOperator", {"Prefix": "p", "Tags": [{"Key": "a"}]},
         "<R><Prefix>p</Prefix><Tag><Key>a</Key></Tag></R>"),
        ("RecordsEvent", {"Payload": b"\0"}, "<R><Payload>AA==</Payload></R>"),
    ],
)  # fmt: skip
def test_shapes_are_written(shape: str, value: Any, text: str) -> None:
    assert xml.writer(shape, "R")(value) == text
    assert xml.read(text.encode(), shape, "R", strict=False) == value


def test_rows_of_one_list_may_have_different_members() -> None:
    rows = [
        {"Key": "a", "Size": 1},
        {"Key": "b", "Size": 2, "ETag": None},
        {"Key": "c", "Size": None},
        {"Key": "d", "Size": 4},
        {},
    ]
    document = xml.writer("ListObjectsV2Output", "R")({"Contents": rows})
    assert document == (
        "<R><Contents><Key>a</Key><Size>1</Size></Contents>"
        "<Contents><Key>b</Key><Size>2</Size></Contents><Contents><Key>c</Key></Contents>"
        "<Contents><Key>d</Key><Size>4</Size></Contents><Contents/></R>"
    )


def test_a_value_of_a_wrong_type_is_an_error_of_ours() -> None:
    with pytest.raises(TypeError):
        xml.writer("ListObjectsV2Output", "R")({"Contents": [{"Key": "a", "Size": "1"}]})


def test_many_sets_of_members_do_not_fill_the_memory() -> None:
    write = xml.StructureWriter(xml.service().shapes["HeadObjectOutput"], "R")
    for number in range(2_000):
        assert write({f"Unheard{number}": 1}) == "<R/>"
    assert len(write._compiled) <= 256


@given(st.text(st.characters()))
@settings(max_examples=200, deadline=None)
def test_every_text_is_read_back_by_a_strict_parser(text: str) -> None:
    document = xml.writer("Tag", "Tag")({"Key": text}).encode()
    read_back = ElementTree.fromstring(document).findtext("Key")
    assert read_back == "".join(c if xml.escape(c) != "\ufffd" else "\ufffd" for c in text)


@pytest.mark.parametrize("character", ["\0", "\x01", "\x0b", "\x1f", "\ud800", "\ufffe", "\uffff"])
def test_a_character_beyond_xml_is_shown_as_replaced(character: str) -> None:
    assert xml.escape(f"a{character}b") == "a\ufffdb"


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x7f", "\x85", "é", "😀", "\ufffd"])
def test_a_character_of_xml_survives(character: str) -> None:
    document = f"<a>{xml.escape(character)}</a>"
    assert ElementTree.fromstring(document).text == character
