"""The plan of a document: which members its elements are."""

from __future__ import annotations

from s3d.agent.s3.xml_shapes import local_name, node_of


def test_a_flattened_list_has_no_element_around_its_items() -> None:
    page = node_of("ListObjectsV2Output")
    rows, owner = page.children["Contents"], node_of("Object").children["Owner"]
    assert (rows.member, rows.many, owner.member, owner.many) == ("Contents", True, "Owner", False)
    assert rows.node is node_of("Object")


def test_a_wrapped_list_has_one() -> None:
    tags = node_of("Tagging").children["TagSet"]
    assert (tags.many, tags.node.is_list, list(tags.node.children)) == (False, True, ["Tag"])


def test_what_travels_in_headers_is_no_element() -> None:
    assert "RequestCharged" not in node_of("ListObjectsV2Output").children


def test_the_local_part_of_a_name() -> None:
    assert (local_name("s3:Key"), local_name("Key")) == ("Key", "Key")
