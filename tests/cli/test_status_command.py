import json

from s3d import __version__


def test_the_agent(s3d, serving):
    lines = s3d("status").out.splitlines()
    assert lines[0].startswith(
        f"agent     s3d {__version__}, process {serving.process.pid}, running"
    )
    assert lines[1] == f"endpoint  {serving.endpoint} (auth: sigv4)"
    assert lines[2] == f"socket    {serving.places.socket}"
    assert lines[3] == f"store     {serving.places.store_dir}"
    assert "free" in lines[4]


def test_no_secret_is_shown(s3d, serving):
    secret = serving.key[1]
    for arguments in (("status",), ("status", "--json"), ("config", "show", "--json")):
        assert secret not in s3d(*arguments).out


def test_a_bucket(s3d, bucket, store):
    store("a", b"12345")
    s3d("set", bucket, "--tag", "team=red")
    lines = s3d("status", bucket).out.splitlines()
    assert lines[0] == f"bucket   {bucket}"
    assert lines[2] == "holds    1 object, 5 B"
    assert lines[3] == "tag      team = red"


def test_an_object_with_its_metadata_and_tags(s3d, store):
    target = store(
        "dir/a.txt",
        b"x" * 1536,
        content_type="text/plain",
        cache_control="no-cache",
        x_amz_meta_owner="me",
        x_amz_tagging="b=2&a=1",
    )
    rows = s3d("status", f"s3://{target}").out.splitlines()
    assert f"object         {target}" in rows
    assert "size           1.5 KiB (1,536 bytes)" in rows
    assert "content-type   text/plain" in rows
    assert "cache-control  no-cache" in rows
    assert "metadata       owner = me" in rows
    assert rows[-2:] == ["tag            a = 1", "               b = 2"]


def test_json_has_all_of_it(s3d, store):
    target = store("a\x1b", b"12345", x_amz_tagging="a=1")
    found = json.loads(s3d("status", target, "--json").out)
    assert (found["key"], found["size"], found["tags"]) == ("a\x1b", 5, {"a": "1"})


def test_a_terminal_is_not_steered_by_what_is_stored(s3d, store):
    target = store("a\x1b]0;PWNED\x07", b"", content_type="text/plain")
    result = s3d("status", target)
    assert result.code == 0
    assert "\x1b" not in result.out
    assert "␛]0;PWNED␇" in result.out


def test_what_is_not_there_is_3(s3d, bucket):
    for target in ("no-such-bucket", f"{bucket}/none", "no-such-bucket/none"):
        result = s3d("status", target)
        assert (result.code, result.out) == (3, "")
        assert result.err.startswith("s3d: ")


def test_no_agent_is_5_with_the_way_out(alone):
    result = alone("status")
    assert result.code == 5
    assert result.err.splitlines()[1] == "  hint: start it with: s3d start"


def test_stat_is_the_status_of_objects(s3d, store):
    one, two = store("a", b"1"), store("b", b"22")
    assert s3d("stat", one).out == s3d("status", one).out
    assert s3d("stat", one, two).out.count("modified") == 2
    assert s3d("stat", f"{one}-none", two).code == 3


def test_quiet_as_json(s3d):
    assert s3d("status", "-q", "--json").out == '{"clean":true,"pending":[]}\n'
