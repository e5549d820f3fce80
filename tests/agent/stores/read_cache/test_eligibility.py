"""The tag s3d.cache."""

from __future__ import annotations

import pytest

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import S3Request
from s3d.agent.s3.model import operations
from s3d.agent.stores.read_cache import eligibility
from s3d.agent.stores.read_cache.eligibility import cache_tag_in, cache_tag_of


def tags(**pairs: str) -> dict:
    return {"TagSet": [{"Key": key.replace("_", "."), "Value": v} for key, v in pairs.items()]}


@pytest.mark.parametrize(
    ("name", "members", "mark"),
    [
        ("PutObjectTagging", {"Tagging": tags(s3d_cache="pin", a="1")}, "pin"),
        ("PutObjectTagging", {"Tagging": tags(a="1")}, ""),
        ("PutObjectTagging", {"Tagging": tags(s3d_cache="pin"), "VersionId": "1"}, None),
        ("DeleteObjectTagging", {}, ""),
        ("PutObject", {"Tagging": "a=1&s3d.cache=none"}, "none"),
        ("PutObject", {}, ""),
        ("DeleteObject", {}, None),
        ("CopyObject", {}, None),
    ],
)
def test_what_a_write_says(name, members, mark):
    assert (
        cache_tag_in(S3Request(operations()[name], {"Bucket": "b", "Key": "k", **members})) == mark
    )


def test_what_an_answer_says():
    assert cache_tag_of(tags(s3d_cache="none")) == "none"
    assert cache_tag_of({}) == ""


async def test_an_object_that_is_to_stay_out_stays_out(rig):
    await rig.there.put("bbb", "k", b"12345", Tagging="s3d.cache=none")
    for number in (1, 2):
        assert await rig.s3.read("bbb", "k") == b"12345"
        assert rig.remote.gets() == number
    await rig.s3("DeleteObjectTagging", Bucket="bbb", Key="k")
    for _ in range(2):
        assert await rig.s3.read("bbb", "k") == b"12345"
    assert rig.remote.gets() == 3


async def test_a_mark_is_told_when_it_is_seen_and_when_it_is_set(rig):
    told = []
    rig.cache.on_cache_tag = lambda *mark: told.append(mark)
    await rig.there.put("bbb", "k", b"12345", Tagging="s3d.cache=pin")
    await rig.s3.read("bbb", "k")
    await rig.s3("PutObjectTagging", Bucket="bbb", Key="k", Tagging=tags(a="1"))
    await rig.s3.put("bbb", "other", b"1", Tagging="s3d.cache=pin")
    assert told == [("bbb", "k", "pin"), ("bbb", "k", ""), ("bbb", "other", "pin")]


async def test_a_reader_does_not_wait_for_ever_for_tags(rig, monkeypatch):
    monkeypatch.setattr(eligibility, "TAGS_TIMEOUT", 0.01)
    await rig.there.put("bbb", "k", b"data", Tagging="a=1")
    rig.remote.mute = "GetObjectTagging"
    assert await rig.s3.read("bbb", "k") == b"data"


@pytest.mark.parametrize(("tag", "is_admitted"), [("none", False), ("pin", True), ("other", True)])
async def test_the_tag_of_an_object_decides(rig, tag, is_admitted):
    marks = []
    rig.cache.on_cache_tag = lambda *mark: marks.append(mark)
    await rig.there.put("bbb", "k", b"data", Tagging=f"s3d.cache={tag}")
    assert await rig.s3.read("bbb", "k") == b"data"
    assert (rig.cache.catalog.peek("bbb", "k") is not None) is is_admitted
    assert marks == [("bbb", "k", tag)]


async def test_what_the_rules_cannot_decide_is_not_kept(rig):
    class UsePolicy:
        async def exclusion_reason(self, subject, *, overruled):
            raise S3Error("ServiceUnavailable")

    rig.cache.eligibility.rules = UsePolicy()
    await rig.there.put("bbb", "k", b"data")
    assert await rig.s3.read("bbb", "k") == b"data"
    assert rig.cache.catalog.peek("bbb", "k") is None
