from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qsl

import pytest

from s3d.agent.s3.acl import CANNED, OWNER, requested
from s3d.agent.storage.records import (
    Checksum,
    Description,
    Extent,
    Layout,
    ObjectRecord,
    PartSize,
    Stored,
)
from s3d.agent.stores.write_queue.push_plan import Multipart, Put, SimpleCall, plan

MD5 = hashlib.md5(b"value").digest()


def stored(layout: Layout | None = None, **record: object) -> Stored:
    given = {"key": "k", "size": 5, "etag": f'"{MD5.hex()}"', **record}
    return Stored(ObjectRecord(**given), layout or Layout((Extent(1, 0, 5),)))  # type: ignore[arg-type]


def put(**about: object) -> dict[str, object]:
    todo = plan("put", "bbb", "k", stored(about=Description(**about)))  # type: ignore[arg-type]
    assert isinstance(todo, Put)
    return dict(todo.members)


def test_a_single_put_stays_one_and_says_its_md5() -> None:
    todo = plan("put", "bbb", "k", stored(size=5 << 30))
    assert isinstance(todo, Put)
    assert todo.md5 == MD5
    assert todo.members["ContentMD5"] == base64.b64encode(MD5).decode()
    assert todo.members["ContentLength"] == 5 << 30


def test_the_checksum_of_the_client_goes_along() -> None:
    todo = plan("put", "bbb", "k", stored(checksum=Checksum("SHA1", "digest")))
    assert isinstance(todo, Put)
    assert todo.members["ChecksumSHA1"] == "digest"


def test_description_tags_and_storage_class_go_along() -> None:
    about = Description({"ContentType": "text/x"}, {"a": "b"}, {"x": "1 &", "y": ""})
    todo = plan("put", "bbb", "k", stored(about=about, storage_class="GLACIER"))
    assert isinstance(todo, Put)
    members = todo.members
    assert (members["ContentType"], members["Metadata"]) == ("text/x", {"a": "b"})
    assert members["StorageClass"] == "GLACIER"
    assert dict(parse_qsl(members["Tagging"], keep_blank_values=True)) == about.tags


@pytest.mark.parametrize("canned", CANNED)
def test_a_canned_acl_means_the_same_again(canned: str) -> None:
    asked = put(acl=requested({"ACL": canned}, OWNER)).get("ACL", "private")
    assert requested({"ACL": asked}, OWNER) == requested({"ACL": canned}, OWNER)


def test_grants_go_as_headers_without_our_own_owner() -> None:
    grants = {
        "GrantRead": 'uri="http://acs.amazonaws.com/groups/global/AllUsers", id="1"',
        "GrantFullControl": f'id="{OWNER["ID"]}"',
    }
    members = put(acl=requested(grants, OWNER))
    assert members["GrantRead"] == grants["GrantRead"]
    assert "GrantFullControl" not in members


def test_a_multipart_object_goes_in_its_own_parts() -> None:
    extents = (Extent(1, 0, 6), Extent(2, 0, 4))
    layout = Layout(extents, parts=(PartSize(1, 6, "one"), PartSize(7, 4, "seven")))
    whole = Checksum("CRC32", "whole", "FULL_OBJECT")
    todo = plan("put", "bbb", "k", stored(layout, size=10, etag='"x-2"', checksum=whole))
    assert isinstance(todo, Multipart)
    assert [(part.number, part.size, part.layout.extents) for part in todo.parts] == [
        (1, 6, extents[:1]),
        (7, 4, extents[1:]),
    ]
    assert [part.checksum for part in todo.parts] == [
        {"ChecksumCRC32": "one"},
        {"ChecksumCRC32": "seven"},
    ]
    assert (todo.create["ChecksumAlgorithm"], todo.create["ChecksumType"]) == (
        "CRC32",
        "FULL_OBJECT",
    )
    assert todo.complete["ChecksumCRC32"] == "whole"


def test_a_composite_checksum_is_made_by_the_remote() -> None:
    layout = Layout((Extent(1, 0, 6),), parts=(PartSize(1, 6, "one"),))
    whole = Checksum("SHA256", "whole-1", "COMPOSITE")
    todo = plan("put", "bbb", "k", stored(layout, size=6, etag='"x-1"', checksum=whole))
    assert isinstance(todo, Multipart)
    assert "ChecksumSHA256" not in todo.complete


def test_a_delete_needs_no_object() -> None:
    assert plan("delete", "bbb", "k", None) == SimpleCall(
        "DeleteObject", {"Bucket": "bbb", "Key": "k"}
    )


def test_tags_are_set_or_taken_away() -> None:
    tagged = plan("tags", "bbb", "k", stored(about=Description(tags={"a": "b"})))
    assert isinstance(tagged, SimpleCall)
    assert tagged.members["Tagging"] == {"TagSet": [{"Key": "a", "Value": "b"}]}
    bare = plan("tags", "bbb", "k", stored())
    assert bare == SimpleCall("DeleteObjectTagging", {"Bucket": "bbb", "Key": "k"})


def test_a_put_without_an_object_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="without an object"):
        plan("put", "bbb", "k", None)
