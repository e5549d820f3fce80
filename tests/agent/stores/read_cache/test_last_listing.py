"""A listing of pages and changes, and the answers of it; through the layer: test_listings.py."""

from __future__ import annotations

import pytest

from s3d.agent.stores.read_cache.last_listing import (
    Chain,
    Change,
    answer,
    buckets,
    chain_of,
    join,
    own_token,
    start_of,
)

ALL = Chain("b", "", "")


def page(*keys: str, token: str = "", **members):
    rows = [{"Key": key, "Size": 1} for key in keys]
    more = {"IsTruncated": True, "NextContinuationToken": token} if token else {}
    return {"Contents": rows, **more, **members}


def keys(output) -> list[str]:
    return [row["Key"] for row in output.get("Contents", ())]


@pytest.mark.parametrize(
    ("chain", "prefix", "delimiter", "serves"),
    [
        (Chain("b", "", ""), "p/", "/", True),
        (Chain("b", "p/", ""), "p/q", "", True),
        (Chain("b", "p/", ""), "q/", "", False),
        (Chain("b", "", "/"), "", "/", True),
        (Chain("b", "", "/"), "", "", False),
        (Chain("b", "", "/"), "p/", "/", False),
    ],
)
def test_which_requests_a_listing_serves(chain, prefix, delimiter, serves):
    assert chain.serves(prefix, delimiter) is serves


def test_where_a_page_belongs():
    input = {"Bucket": "b", "Prefix": "p", "ContinuationToken": "t", "EncodingType": "url"}
    assert (chain_of(input), start_of(input)) == (Chain("b", "p", ""), "token t")
    assert start_of({"Marker": "k"}) == start_of({"StartAfter": "k"}) == "after k"
    assert (start_of({}), own_token({"ContinuationToken": "t"})) == ("", None)
    assert chain_of({"EncodingType": "other"}) is None


def test_pages_are_put_together_when_none_is_missing():
    first = page("a", "x+y", token="t", EncodingType="url")
    assert join({"": first}, ALL, []) is None
    found = join({"": first, "token t": page("z")}, ALL, [])
    assert found is not None
    assert (found.keys, found.tokens) == ([b"a", b"x y", b"z"], {"t": b"x y"})
    assert keys(answer("ListObjectsV2", {"ContinuationToken": "t"}, found)) == ["z"]
    assert answer("ListObjectsV2", {"ContinuationToken": "other"}, found) is None
    assert keys(answer("ListObjects", {"Marker": "a"}, found)) == ["x y", "z"]


def test_pages_that_lead_back_to_each_other_end():
    assert join({"": page("a", token="t"), "token t": page("b", token="t")}, ALL, []) is None


def test_changes():
    pages = {"": page("a", "b")}
    added = Change("c", {"Key": "c", "Size": 2})
    found = join(pages, ALL, [Change("a", None), added, Change("never", None)])
    assert found is not None
    assert found.keys == [b"b", b"c"]
    unknown = Change("p/k", None, is_known=False)
    assert join(pages, ALL, [unknown]) is None
    assert join(pages, Chain("b", "q/", ""), [unknown]) is not None


def test_the_last_buckets():
    output = {"Buckets": [{"Name": "a"}, {"Name": "c"}], "Owner": {"ID": "x"}}
    changes = [Change("b", {"Name": "b"}), Change("c", None)]
    found = buckets(output, {}, changes)
    assert found == {"Buckets": [{"Name": "a"}, {"Name": "b"}], "Owner": {"ID": "x"}}
    assert buckets(output, {"MaxBuckets": 1}, []) is None
    assert buckets({**output, "ContinuationToken": "t"}, {}, []) is None
