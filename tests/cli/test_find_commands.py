import json

import pytest

from s3d.cli.find_commands import Criteria, Totals
from s3d.cli.target import Target
from s3d.shared.control import ObjectInfo


def test_find_looks_at_names_sizes_and_ages(s3d, bucket, store):
    for key, size in (("p/a.raw", 5), ("p/d/b.raw", 50), ("p/c.txt", 5), ("q/e.raw", 5)):
        store(key, b"x" * size)

    def found(*options):
        result = s3d("find", f"{bucket}/p", *options)
        assert result.code == 0, result.err
        return [line.removeprefix(f"s3://{bucket}/p/") for line in result.out.splitlines()]

    assert found() == ["a.raw", "c.txt", "d/b.raw"]
    assert found("--name", "*.raw", "--smaller", "50") == ["a.raw"]
    assert found("--larger", "5B") == ["d/b.raw"]
    assert found("--older-than", "1h") == []
    assert found("--newer-than", "1h", "--exclude", "d/*") == ["a.raw", "c.txt"]
    assert s3d("find", bucket, "--name", "c*", "-print0").out == f"s3://{bucket}/p/c.txt\0"
    rows = [json.loads(line) for line in s3d("find", bucket, "--json").out.splitlines()]
    assert sorted(rows[0]) == ["bucket", "etag", "key", "last_modified", "size", "storage_class"]
    assert "not a size" in s3d("find", bucket, "--larger", "big").err


def test_find_looks_at_tags_metadata_and_filters(s3d, bucket, store):
    store("a", **{"x-amz-tagging": "k=v", "x-amz-meta-of": "me"})
    store("b", **{"x-amz-tagging": "k=w"})
    assert s3d("find", bucket, "--tag", "k=v").out == f"s3://{bucket}/a\n"
    assert s3d("find", bucket, "--metadata", "of=me").out == f"s3://{bucket}/a\n"
    assert s3d("find", bucket, "--filter", "*/*[tag:k=w]").out == f"s3://{bucket}/b\n"


def test_du_adds_up_by_level(s3d, bucket, store):
    for key in ("p/a", "p/d/b", "p/d/e/c", "p2", "q"):
        store(key, b"12345")
    assert s3d("du", bucket).out.split() == ["25", "B", "5", "objects", f"{bucket}/"]
    rows = [json.loads(line) for line in s3d("du", "-d", "2", bucket, "--json").out.splitlines()]
    assert [(row["prefix"], row["objects"], row["size"]) for row in rows] == [
        ("p/d/", 2, 10), ("p/", 3, 15), ("", 5, 25),
    ]  # fmt: skip
    assert s3d("du", f"{bucket}/p").out.split()[-1] == f"{bucket}/p/", "p2 is not below p"
    assert s3d("du", "-b", f"{bucket}/p*").out.split()[:2] == ["20", "4"]
    none = s3d("du", f"{bucket}/none")
    assert (none.code, none.out) == (3, ""), "no sum of nothing before the error"
    assert f"{bucket}/" in s3d("du").out


def info(key, size=1):
    return ObjectInfo("b", key, size, '"e"', 0.0)


def test_totals_end_when_the_listing_leaves_a_folder():
    totals = Totals(Target("b"), "", 2)
    done = [row for key in ("a/x/1", "a/x/2", "a/y/1", "b") for row in totals.add(info(key))]
    assert done == [
        (Target("b", "a/x/"), 2, 2), (Target("b", "a/y/"), 1, 1), (Target("b", "a/"), 3, 3),
    ]  # fmt: skip
    assert [*totals.rest()] == [(Target("b", ""), 4, 4)]


@pytest.mark.parametrize(
    ("criteria", "fits"),
    [
        (Criteria(name="*.txt"), True),
        (Criteria(name="d*"), False),
        (Criteria(larger=1), False),
        (Criteria(smaller=2), True),
    ],
)
def test_criteria_are_about_the_last_part(criteria, fits):
    assert criteria.fits_listed(info("d/a.txt")) is fits
