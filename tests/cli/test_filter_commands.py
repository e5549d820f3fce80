"""s3d filter: against the real agent where the name alone does not decide."""

import json


def test_explain_needs_no_agent(alone):
    result = alone("filter", "explain", "photos/*;!photos/*[tag:draft]")
    assert result.out == (
        "1  include: all objects of buckets named photos\n"
        "2  exclude: all objects of buckets named photos, if its tag draft exists\n"
        "The last term that matches decides. An object that no term matches is excluded.\n"
    )
    found = json.loads(alone("filter", "explain", "photos/*[tag:x]", "--json").out)
    assert found == {"terms": ["photos/*[tag:x]"], "needs": ["TAGS"]}


def test_a_slip_is_shown_with_a_caret(alone):
    result = alone("filter", "explain", "photos/*[tag:]")
    assert result.code == 2
    assert result.err.splitlines()[:3] == [
        "s3d: the filter cannot be read: column 14: a name is missing",
        "  photos/*[tag:]",
        "               ^",
    ]


def test_a_name_decides_without_an_agent(alone):
    result = alone("filter", "test", "photos/*;!photos/tmp/*", "photos/tmp/x")
    assert (result.code, result.out) == (1, "exclude: term 2 excludes it: !photos/tmp/*\n")
    result = alone("filter", "test", "*/*[tag:a=1]", "photos/x", "--tag", "a=1")
    assert (result.code, result.out) == (0, "include: term 1 includes it: */*[tag:a='1']\n")


def test_the_agent_tells_what_the_name_does_not(s3d, store):
    target = store("k", b"data", x_amz_tagging="draft=yes", content_type="text/plain")
    told = json.loads(s3d("filter", "test", "*/*[tag:draft]", target, "--json").out)
    assert (told["verdict"], told["term"]) == ("include", 1)
    assert s3d("filter", "test", "*/*[hdr:content-type=text/*]", target).code == 0
    assert s3d("filter", "test", "*/*[hdr:content-length>4]", target).code == 1
    assert s3d("filter", "test", "*[tag:env]/*", target).code == 1
    assert s3d("filter", "test", "*/*[tag:x]", target + "-none").code == 3


def test_preview_lists_what_would_be_taken(s3d, store, bucket):
    for key, tags in (("a/1", ""), ("a/2", "draft=yes"), ("b/1", ""), ("c", "")):
        store(key, b"12345", **({"x_amz_tagging": tags} if tags else {}))
    result = s3d("filter", "preview", f"{bucket};!*/a*[tag:draft];!*/c", bucket)
    assert result.err == "2 of 4 objects would be included\n"
    assert [line.split()[-1] for line in result.out.splitlines()] == [
        f"{bucket}/a/1",
        f"{bucket}/b/1",
    ]
    result = s3d("filter", "preview", f"{bucket}/b*", f"{bucket}/b/", "--json")
    assert [json.loads(line)["key"] for line in result.out.splitlines()] == ["b/1"]
    assert "1 of 1 object would be included" in result.err
    assert "--limit" in s3d("filter", "preview", "*", bucket, "--limit", "1").err
    assert "0 of 0 objects" in s3d("filter", "preview", f"{bucket}/b*", f"{bucket}/a/").err
