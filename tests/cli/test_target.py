import click
import pytest

from s3d.cli.target import Names, Target, parse_target


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("b/k", Target("b", "k")),
        ("s3://b/k", Target("b", "k")),
        ("b/a//b/", Target("b", "a//b/")),
        ("b//k", Target("b", "/k")),
        ("b/../x", Target("b", "../x")),
        ("b/größe 日本\n", Target("b", "größe 日本\n")),
        ("b", Target("b", "")),
        ("s3://b/", Target("b", "")),
    ],
)
def test_bucket_and_key(text, expected):
    assert parse_target(Names.EITHER, text) == expected


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (Names.EITHER, ""),
        (Names.EITHER, "/k"),
        (Names.EITHER, "s3://"),
        (Names.EITHER, "s3:///k"),
        (Names.EITHER, "b/\udcff"),
        (Names.OBJECT, "b"),
        (Names.OBJECT, "b/"),
        (Names.BUCKET, "b/k"),
    ],
)
def test_what_does_not_name_it_is_refused(names, text):
    with pytest.raises(click.BadParameter):
        parse_target(names, text)


def test_a_path_where_a_place_in_s3_is_wanted_is_called_one():
    with pytest.raises(click.BadParameter, match="'/home/me' is a path on this machine; write"):
        parse_target(Names.EITHER, "/home/me")


@pytest.mark.parametrize("text", ["s3:b/k", "s3:/b/k", "S3://b/k"])
def test_what_nearly_is_a_place_in_s3_is_corrected(text):
    with pytest.raises(click.BadParameter, match=r"write s3://b/k$"):
        parse_target(Names.EITHER, text)


def test_text_of_a_target_is_what_was_typed():
    assert str(Target("b", "k")) == "b/k"
    assert str(Target("b")) == "b"


def complete(s3d, words: str) -> list[str]:
    result = s3d(_S3D_COMPLETE="zsh_complete", COMP_LINE=f"s3d {words}")
    return [line.split("\t")[1] for line in result.out.splitlines() if line]


def test_buckets_and_keys_are_completed_by_the_agent(s3d, store):
    bucket = store("photos/a.jpg").partition("/")[0]
    store("photos/b.jpg")
    store("plain.txt")
    assert f"{bucket}/" in complete(s3d, f"get {bucket[:-3]}")
    assert complete(s3d, f"get {bucket}/p") == [f"{bucket}/photos/", f"{bucket}/plain.txt"]
    assert complete(s3d, f"get s3://{bucket}/photos/a") == [f"s3://{bucket}/photos/a.jpg"]


def test_without_an_agent_there_is_nothing_to_complete(alone):
    assert complete(alone, "get x") == []


def test_commands_are_completed(alone):
    assert complete(alone, "pres") == ["presign"]
